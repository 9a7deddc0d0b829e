"""Calls back at a time of CLOCK_MONOTONIC, in nanoseconds: one timer that is set again and again."""

import asyncio
from collections.abc import Callable
from typing import Final

from stemd.service.intake import Clock

_SLACK_NS: Final = 500_000


class Alarm:
    """At most one timer of the event loop.

    Args:
        clock: nanoseconds.
        ring: called when it is time, or up to half a millisecond and a timer's grain later.
    """

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock, self._ring = clock, ring
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0

    def set(self, due: int) -> None:
        """Ring at a time, in nanoseconds; a timer that is set already and soon enough will do."""
        if self._timer:
            if self._due <= due + _SLACK_NS:
                return
            self._timer.cancel()
        self._due = due
        # Whole milliseconds, rounded up: uvloop has no finer ones, and a timer that is early has to be set again.
        wait = -(-(due - self._clock()) // 1_000_000) / 1_000
        self._timer = asyncio.get_running_loop().call_later(wait, self._over)

    def cancel(self) -> None:
        """Ring no more."""
        if self._timer:
            self._timer.cancel()

    def _over(self) -> None:
        self._timer = None
        self._ring()
