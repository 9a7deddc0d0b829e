"""How often a network is run to know what it takes. Pure."""

from collections.abc import Sequence
from typing import Final

from stemd.separation.pool import Timing

_RUNS: Final = (8, 100)  # at least, at most
_SECONDS: Final = 0.3  # between those, as many as this takes
_SLOW_RUNS: Final = 2  # of a network that takes seconds
_SLOW_SECONDS: Final = 3.0
SLOW: Final = _SLOW_SECONDS / _RUNS[0]
"""Seconds of a run that needs no second one to be warm."""


def enough(seconds: Sequence[float]) -> bool:
    """Whether so many runs tell what a network takes."""
    if sum(seconds) >= _SLOW_SECONDS:
        return len(seconds) >= _SLOW_RUNS
    return len(seconds) >= _RUNS[0] and (sum(seconds) >= _SECONDS or len(seconds) >= _RUNS[1])


def timing(seconds: Sequence[float]) -> Timing:
    """Median and p99 of runs, in seconds."""
    ranked = sorted(seconds)
    # The nearest rank; of fewer than a hundred runs that is the slowest.
    return Timing(median=ranked[len(ranked) // 2], p99=ranked[-(-99 * len(ranked) // 100) - 1])
