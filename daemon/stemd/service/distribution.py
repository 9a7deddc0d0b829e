"""How values are spread: counted in buckets as they come, cheaply enough to be done for every block."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, Self

# Upper bounds of buckets, in seconds. Latencies are hundreds of milliseconds live, and seconds with long segments.
LATENCY: Final = (
    *(0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8),
    *(1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0),
)
# What may be 10 ms at the 99th percentile.
LATENESS: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# 0 is the bound that matters: what is not above it was not ready when it was due.
MARGIN: Final = (
    *(-1.0, -0.5, -0.2, -0.1, -0.05, -0.02, -0.01, -0.005, 0.0),
    *(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
)


class Distribution:
    """Counts by bucket, and the sum. Used on the event loop alone.

    Args:
        bounds: the buckets' upper bounds, rising; what is above the last one has a bucket of its own.

    Attributes:
        counts: values in each bucket, not added up; one more than there are bounds.
        total: the sum of all values.
        whole: another with the same bounds that counts every value, too.
    """

    __slots__ = ("bounds", "counts", "total", "whole")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.whole: Distribution | None = None

    def note(self, value: float) -> None:
        """Count a value; one that is a bucket's bound belongs to it."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.total += value
        if self.whole:
            self.whole.counts[bucket] += 1
            self.whole.total += value

    def copy(self) -> Self:
        """As it stands now."""
        other = type(self)(self.bounds)
        other.counts, other.total = self.counts.copy(), self.total
        return other


class Timings:
    """How a stream, or all of them, kept the time.

    Attributes:
        latency: from a frame's capture, T(p), to the hand-over of its block to a subscriber's socket, in seconds.
        lateness: how much of that was more than what was promised.
        margin: how long before it was due a segment's estimate was there; of one that was given up, by when: not
            above 0.
    """

    def __init__(self) -> None:
        self.latency, self.lateness, self.margin = (Distribution(bounds) for bounds in (LATENCY, LATENESS, MARGIN))

    def belong_to(self, whole: "Timings") -> None:
        """Count everything there, too."""
        self.latency.whole, self.lateness.whole, self.margin.whole = whole.latency, whole.lateness, whole.margin
