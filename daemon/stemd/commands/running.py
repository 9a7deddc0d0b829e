"""What every command does that runs a daemon in its own process: the loop, and a quiet interpreter."""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")

_SWITCH_INTERVAL: Final = 0.0005  # an audio callback waits for the interpreter at most this long, by default 5 ms


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end on the event loop of a daemon; its result."""
    be_quick()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(work)


def be_quick() -> None:
    """Let an audio callback have the interpreter soon."""
    sys.setswitchinterval(_SWITCH_INTERVAL)


def settle() -> None:
    """Say that what lives by now lives to the end: looking through it all takes longer than a block."""
    gc.freeze()


def new_loop() -> asyncio.AbstractEventLoop:
    """The event loop that a daemon runs on."""
    with suppress(ModuleNotFoundError):
        import uvloop  # noqa: PLC0415 - not on every system

        return uvloop.new_event_loop()
    # ZeroMQ needs `add_reader`, which the Proactor loop of Windows lacks.
    return asyncio.SelectorEventLoop()
