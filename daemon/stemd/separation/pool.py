"""Runs segments on workers: two lanes, earliest deadline first in each.

`Pool` is the contract that threads here, and processes later, keep: a worker owns its networks and nothing of a stream,
segments go in and estimates come out as plain arrays, and what a job raises stays with that job.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from stemd.audio import Float32Array
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.separation.store import Model


class Lane(Enum):
    """Where a segment runs."""

    REALTIME = "realtime"  # somebody is waiting at a known time
    FREE = "free"  # as fast as what is left allows; niced


@dataclass(frozen=True, slots=True)
class NetworkId:
    """One specialist of one loaded model."""

    model: str
    index: int


@dataclass(frozen=True, slots=True)
class Timing:
    """What a segment takes, in seconds."""

    median: float
    p99: float


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What a segment gave: `stems` (stems, 2, trusted frames), and the `seconds` that it took."""

    stems: Float32Array
    seconds: float


class Pool(Protocol):
    """Workers that hold networks and run segments."""

    def load(self, model: Model) -> None:
        """Give every worker its own copy of the model's networks. Blocks; does nothing when it is there already.

        Raises:
            ModelLoadError: it cannot be loaded; the workers are as before.
        """
        ...

    def measure(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        """Warm networks with a plan's segments in one lane, and time each; yields to every job with a deadline.

        `specialists` are indices into the manifest's. One that takes seconds is run three times in all.

        Blocks.
        """
        ...

    def submit(
        self, network: NetworkId, segment: Segment, lane: Lane, deadline_ns: int, rank: int = 0
    ) -> "Future[Estimate]":
        """Queue a segment; the future gives its estimate, or raises InferenceError.

        `deadline_ns` orders the lane, and of those with one deadline, `rank`: 0 goes first. A future that is cancelled
        before it runs is never run. In the realtime lane, neither is one that by past experience would be late: it is
        cancelled when its turn comes, and the time goes to those that can still be had.
        """
        ...

    def close(self) -> None:
        """Finish what runs, drop what waits, end the workers."""
        ...
