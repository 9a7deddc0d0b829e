"""How long a run is waited for, and when and how often to try again what failed. Times are given, in seconds.

A run in the realtime lane is *late* once it has taken three times what is usual: the lane then passes to a standby,
where there is one, and nothing is lost if it comes back after all. It is *hung* when it can no longer be taken for a
slow one: then it is given up, and its worker with it.
"""

import threading
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from statistics import median_low
from typing import Final

_LATE: Final = 3.0  # times the usual
_LEAST_LATE: Final = 0.02  # seconds; what any run may take longer when the machine has something else to do
_LEAST_ENOUGH: Final = 0.25
_UNUSUAL: Final = 1.0  # seconds after which a run is late of which nobody knows what it takes
_HUNG: Final = 8.0  # times the usual
_REMEMBERED: Final = 5  # runs of a kind
_KINDS: Final = 1_024
_BACK_OFF: Final = (1.0, 60.0)  # seconds: the first pause, the longest


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits, in seconds.

    Attributes:
        due: what a run with a deadline may take before it counts as hung.
        free: what one without may take: in the free lane, and while networks are measured.
    """

    due: float = 5.0
    free: float = 30.0

    def late(self, usual: float | None) -> float:
        """How long a run with a deadline is waited for before others go on without it."""
        return _UNUSUAL if usual is None else max(_LATE * usual, _LEAST_LATE)

    def enough(self, usual: float | None) -> float:
        """How long a run with a deadline is waited for while others wait for it, if they have time or not."""
        return max(_HUNG * (_UNUSUAL if usual is None else usual), _LEAST_ENOUGH)

    def hung(self, usual: float | None, *, due: bool) -> float:
        """How long a run may take at all."""
        return max(self.due if due else self.free, _HUNG * (usual or 0.0))


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until: float = 0.0


class BackOff:
    """Keeps from trying again at once what has failed more than once in a row: twice as long after each failure.

    Args:
        free: failures after which there is no pause yet.
    """

    def __init__(self, free: int) -> None:
        self._free = free
        self._failures: dict[Hashable, _Failures] = {}

    def failed(self, what: Hashable, now: float) -> None:
        """It failed."""
        failures = self._failures.setdefault(what, _Failures())
        failures.count += 1
        if failures.count > self._free:
            first, longest = _BACK_OFF
            failures.until = now + min(longest, first * 2.0 ** min(failures.count - self._free - 1, 16))

    def succeeded(self, what: Hashable) -> None:
        """It went well: what was before is forgotten."""
        self._failures.pop(what, None)

    def pause(self, what: Hashable, now: float) -> float:
        """Seconds for which it should not be tried."""
        failures = self._failures.get(what)
        return max(0.0, failures.until - now) if failures else 0.0


class Habits:
    """What runs of each kind took lately."""

    def __init__(self) -> None:
        self._seconds: dict[Hashable, deque[float]] = {}

    def note(self, kind: Hashable, seconds: float) -> None:
        """A run took so long."""
        self._seconds.setdefault(kind, deque(maxlen=_REMEMBERED)).append(seconds)
        while len(self._seconds) > _KINDS:  # segments may have any length, and clients choose it
            del self._seconds[next(iter(self._seconds))]

    def usual(self, kind: Hashable) -> float | None:
        """What a run takes, in seconds; None where there was none."""
        seconds = self._seconds.get(kind)
        return median_low(seconds) if seconds else None


class Spares:
    """How many workers may still be replaced that could not be ended; None: any number."""

    def __init__(self, count: int | None) -> None:
        self._count, self._lock = count, threading.Lock()

    def take(self) -> bool:
        """Whether there is one more."""
        with self._lock:
            if self._count is None:
                return True
            self._count -= 1
            return self._count >= 0
