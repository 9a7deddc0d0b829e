"""Looks until something holds, and fails in words when it does not."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 40.0  # seconds, for what has to happen on a machine that does other things too


def wait_until(holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Look until a condition holds; what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"after {seconds:g} s still not: {what}"
        time.sleep(0.005)
    return found


async def until(holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """The same without stopping the event loop; the condition may have to be awaited."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"after {seconds:g} s still not: {what}"
        await asyncio.sleep(0.01)
