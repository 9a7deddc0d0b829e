"""Runs segments on workers: two lanes, earliest deadline first in each.

`Pool` is the contract that threads and processes keep: a worker owns its networks and nothing of a stream, segments go
in and estimates come out as plain arrays, and what a job raises, or does to its worker, stays with that job.
"""

from collections.abc import Mapping, Sequence
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
    """One specialist of one loaded model, by its manifest's `key`: two editions of a model may be loaded at once."""

    model: str
    index: int


@dataclass(frozen=True, slots=True)
class Timing:
    """What a segment takes, in seconds."""

    median: float
    p99: float


@dataclass(frozen=True, slots=True)
class Course:
    """How a run went, in nanoseconds of CLOCK_MONOTONIC, none before the one above it.

    Attributes:
        begun: a worker took the segment up.
        network_begun: the network itself began; before, the specialist prepared what it sees.
        network_ended: and ended; where it ran several times, for the last time.
        ended: the worker was done, and takes the next one.
    """

    begun: int
    network_begun: int
    network_ended: int
    ended: int

    @property
    def seconds(self) -> float:
        """For how long the worker had nothing else to do."""
        return (self.ended - self.begun) / 1e9


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What a segment gave: `stems` (stems, 2, trusted frames), and the `course` of the run."""

    stems: Float32Array
    course: Course

    @property
    def seconds(self) -> float:
        """What it took."""
        return self.course.seconds


@dataclass(frozen=True, slots=True)
class Health:
    """How the workers of one lane are.

    Attributes:
        waiting: jobs in the queue.
        oldest: seconds since the job that has run for longest began; 0 where none runs.
        hung: runs that took far too long and were ended by force, or told to end, so far.
        lost: workers that died, so far.
        restarts: workers that took the place of another, so far.
        answers: whether the lane still takes jobs and ends them, or soon will; if not, only a new pool helps.
    """

    waiting: int
    oldest: float
    hung: int = 0
    lost: int = 0
    restarts: int = 0
    answers: bool = True


@dataclass(frozen=True, slots=True)
class Server:
    """How a server is that runs networks for this daemon.

    Attributes:
        address: `host:port`.
        there: whether it gets segments.
        trouble: why it does not, in words.
        busy: segments that it has now.
        models: names of those that it has whole.
        failures: how often it failed so far.
        returns: how often it came back.
    """

    address: str
    there: bool
    trouble: str
    busy: int
    models: tuple[str, ...]
    failures: int
    returns: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """Who runs the realtime segments of a model.

    Attributes:
        place: who is at one place has the same workers; empty: this machine.
        parallel: how many segments these run at a time.
    """

    place: str = ""
    parallel: int = 1


class Pool(Protocol):
    """Workers that hold networks and run segments."""

    def load(self, model: Model) -> None:
        """Give every worker its own copy of the model's networks. Blocks; does nothing when it is there already.

        Raises:
            ModelLoadError: it cannot be loaded; the workers are as before.
        """
        ...

    def unload(self, key: str) -> None:
        """Let go of the networks of the model with a manifest's `key`; a segment for it raises InferenceError.

        Blocks; does nothing when it is not there.
        """
        ...

    def engines(self) -> Mapping[str, str]:
        """The name of the engine that runs each loaded model, by the manifest's key; does not wait."""
        ...

    def capacity(self, key: str) -> Capacity:
        """Who runs the realtime segments of the model with a manifest's `key`; does not wait."""
        ...

    def measure(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        """Warm networks with a plan's segments in one lane, and time each.

        In the realtime lane every other job goes first; in the free one, those that came before.

        `specialists` are indices into the manifest's. One that takes seconds is run three times in all.

        Blocks.

        Raises:
            InferenceError: a run failed, took too long or lost its worker twice.
        """
        ...

    def submit(
        self, network: NetworkId, segment: Segment, lane: Lane, deadline_ns: int, rank: int = 0
    ) -> "Future[Estimate]":
        """Queue a segment; the future gives its estimate, or raises InferenceError.

        `deadline_ns` orders the lane, and of those with one deadline, `rank`: 0 goes first. A future that is cancelled
        before it runs is never run. In the realtime lane, neither is one that by past experience would be late: it is
        cancelled when its turn comes, and the time goes to those that can still be had.

        A run that takes far too long raises, and its worker is replaced. If the worker dies, the segment is run once
        more by another, unless it would be late.
        """
        ...

    def health(self) -> Mapping[Lane, Health]:
        """How each lane is; does not wait."""
        ...

    def servers(self) -> Sequence[Server]:
        """How each server is, where networks run on some; does not wait."""
        ...

    def close(self) -> None:
        """Finish what runs, drop what waits, end the workers."""
        ...
