"""Calls that may never come back: a sound server that hangs keeps whoever calls it waiting for ever."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")


class Hung(Exception):  # noqa: N818 - a state
    """A call did not come back in time; its thread was left behind."""


def patiently(function: Callable[[], T], seconds: float, late: Callable[[T], object] | None = None) -> T:
    """Call `function` in a thread of its own, and wait for it no longer than `seconds`.

    The thread is a daemon, so that one that never comes back does not hold the process at its end.

    Args:
        function: what to call.
        seconds: how long to wait.
        late: what to do, in that thread, with a result that comes when nobody waits for it any more.

    Raises:
        Hung: it did not come back in time.
    """
    future = _start(function, late)
    wait([future], seconds)
    if future.cancel():
        raise Hung
    return future.result()


async def in_thread(function: Callable[[], T], late: Callable[[T], object] | None = None) -> T:
    """Call `function` in a daemon thread, and await it. An executor's threads are waited for when Python ends.

    Args:
        function: what to call.
        late: what to do with its result, in that thread, when the awaiting task was cancelled.
    """
    return await asyncio.wrap_future(_start(function, late))


def _start(function: Callable[[], T], late: Callable[[T], object] | None) -> "Future[T]":
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = function()
        except BaseException as exc:  # whatever it is, it belongs to the caller
            _settle(future.set_exception, exc)
            return
        if not _settle(future.set_result, result) and late is not None:
            late(result)

    Thread(target=run, name="stemd-device", daemon=True).start()
    return future


def _settle(settle: Callable[[S], None], outcome: S) -> bool:
    try:
        settle(outcome)
    except InvalidStateError:  # cancelled: nobody waits
        return False
    return True
