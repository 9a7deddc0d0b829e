"""Lets nobody in while file descriptors run short: without one, libzmq ends the process.

(Its `ipc_listener.cpp` takes EMFILE from `accept` for a fault of its own, in 4.3.5; over TCP it does not. A listener
that is unbound ends the connections that it let in, so a door that is shut is one that cannot be found.)
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

log: Final = logging.getLogger("stemd")

_WANTED: Final = 16_384  # descriptors, if the system lets us
_RUSH: Final = 50_000  # connections a second that this keeps up with, as long as the event loop does
_SHORTEST, _LONGEST = 0.005, 0.25  # seconds between two looks
_FEW: Final = 500  # descriptors
_SHARE: Final = 0.1  # of the time may go into counting
_BACK: Final = 0.75  # of the most; below that there is room again
_OWN: Final = next((path for path in (Path("/proc/self/fd"), Path("/dev/fd")) if path.is_dir()), None)


class Door(Protocol):
    """Where connections come in."""

    def shut(self) -> None:
        """Let nobody in; who is in stays."""

    def open(self) -> None:
        """Let people in again."""


class Doorkeeper:
    """Half of the descriptors are for connections; the rest is for those that come before this has looked again.

    Args:
        doors: open.
        count: how many descriptors are in use; it may block.
    """

    def __init__(self, doors: Sequence[Door], count: Callable[[], int] | None = None) -> None:
        self._doors, self._count = doors, count or _used
        self.most = _limit() // 2
        self.shut = False

    async def keep(self) -> None:
        """Look after the doors until cancelled."""
        used = 0
        while _OWN is not None:
            began = time.monotonic()
            # A few are counted at once, and that is mostly so; many take milliseconds.
            used = self._count() if used < _FEW else await asyncio.to_thread(self._count)
            self.look(used)
            wait = _LONGEST if self.shut else (self.most - used) / _RUSH
            cost = time.monotonic() - began
            await asyncio.sleep(max(min(max(wait, _SHORTEST), _LONGEST), cost / _SHARE))

    def look(self, used: int) -> None:
        """Shut the doors, open them or leave them, where so many descriptors are in use."""
        if not self.shut and used >= self.most:
            self.shut = True
            log.warning("%d files and connections are open: no local client is let in until some have gone", used)
            for door in self._doors:
                door.shut()
        elif self.shut and used < _BACK * self.most:
            self.shut = False
            log.warning("%d files and connections are open: local clients are let in again", used)
            for door in self._doors:
                door.open()


def _used() -> int:
    assert _OWN is not None  # noqa: S101 - else nobody counts
    try:
        return len(os.listdir(_OWN))  # noqa: PTH208 - names are enough, and this is done often
    except OSError:  # counting takes a descriptor, too
        return _limit()


def _limit() -> int:
    """How many descriptors this process may have; raised to what is wanted, or to the most that is allowed."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return _WANTED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return _WANTED if soft == resource.RLIM_INFINITY else soft
