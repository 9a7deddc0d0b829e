"""What waits to be run in one lane: earliest deadline first, bounded. Pure: neither threads nor clocks."""

import heapq
import itertools
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError
from stemd.separation.pool import Estimate, NetworkId

NEVER: Final = sys.maxsize  # the deadline of a job that goes behind all others
CAPACITY: Final = 4_096  # jobs of a lane; the one that comes when it is full fails, and its segment is degraded
_SWEEP_FROM: Final = 64


@dataclass(slots=True, eq=False)
class Job:
    """A segment for a network.

    Attributes:
        network: which.
        segment: to be run.
        deadline_ns: of CLOCK_MONOTONIC, or NEVER.
        rank: among those with one deadline, less goes first.
        future: of the estimate; it counts as running from its first run on.
        losses: workers that died while they ran it.
    """

    network: NetworkId
    segment: Segment
    deadline_ns: int = NEVER
    rank: int = 0
    future: "Future[Estimate]" = field(default_factory=Future)
    losses: int = 0

    @property
    def kind(self) -> tuple[NetworkId, int]:
        """Runs of one kind take alike: the network, and the segment's frames."""
        return self.network, self.segment.mixture.shape[1]

    def begin(self) -> bool:
        """Take it in hand, for the first time or again; False where it was cancelled before."""
        return self.losses > 0 or self.future.set_running_or_notify_cancel()

    def settle(self, outcome: Estimate | InferenceError) -> None:
        """Say what came of it."""
        if isinstance(outcome, Estimate):
            self.future.set_result(outcome)
        else:
            self.future.set_exception(outcome)

    def give_up(self, reason: str) -> None:
        """Say that it is not run (any more): cancelled if it never ran, else an InferenceError."""
        if not self.future.cancel() and not self.future.done():
            self.future.set_exception(InferenceError(reason))


class Waiting:
    """Jobs by deadline, then rank, then order of coming.

    Args:
        capacity: jobs at most; one more is refused.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._heap: list[tuple[int, int, int, Job]] = []
        self._order = itertools.count()
        self._capacity, self._sweep_at = capacity, _SWEEP_FROM

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, job: Job) -> bool:
        """Take a job; False where there is no room.

        Cancelled jobs hold their segments, so they are dropped every now and then, not only when their turn comes:
        while a worker hangs, that may be long.
        """
        if len(self._heap) >= min(self._sweep_at, self._capacity):
            self._heap = [entry for entry in self._heap if not entry[-1].future.cancelled()]
            heapq.heapify(self._heap)
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self._heap))
        if len(self._heap) >= self._capacity:
            return False
        heapq.heappush(self._heap, (job.deadline_ns, job.rank, next(self._order), job))
        return True

    @property
    def first(self) -> Job | None:
        """The job whose turn it is; None where nothing waits."""
        return self._heap[0][-1] if self._heap else None

    def pop(self) -> Job:
        """The job whose turn it is.

        Raises:
            IndexError: nothing waits.
        """
        return heapq.heappop(self._heap)[-1]

    def drain(self) -> Iterator[Job]:
        """Take out every job."""
        while self._heap:
            yield self.pop()
