"""The segments of one stream that are with the pool, and which specialists they are for."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from stemd.audio import Float32Array
from stemd.config import Config
from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError
from stemd.protocol import Way
from stemd.separation.assembly import Assembly, Track
from stemd.separation.pool import Course, Estimate, Lane, NetworkId, Pool
from stemd.service.intake import Clock
from stemd.service.promise import Promise
from stemd.service.rendering import sources
from stemd.service.ways import Ways

_SMOOTHING = 0.2  # of the load, per segment
_LATELY_HOPS, _LATELY = 3, 2.0  # and seconds


@dataclass(frozen=True, slots=True)
class Job:
    """A segment that is with the pool."""

    span: Span
    future: "Future[Estimate]"
    edition: str  # the key of its network's manifest
    arrived_ns: int  # when its input was complete
    submitted_ns: int


@dataclass(frozen=True, slots=True)
class Reports:
    """What is called, on the event loop, about the segments that are with the pool.

    Attributes:
        arrived: an estimate was added.
        failed: with what a network raised; its segment becomes silence, flagged as degraded.
        settled: a segment's estimate is there or was given up; with the stream's position for which it is needed first.
    """

    arrived: Callable[[], None]
    failed: Callable[[InferenceError], None]
    settled: Callable[[int], None]


class Jobs:
    """Runs on the event loop; only the hand-over of a result comes from a worker's thread.

    Args:
        promise: the stream's model and lane.
        assembly: where segments come from and estimates go.
        pool: where they run.
        config: how long a specialist goes on after its last listener, and whose go first.
        clock: nanoseconds of CLOCK_MONOTONIC.
        reports: whom to tell.
    """

    def __init__(
        self,
        promise: Promise,
        assembly: Assembly,
        pool: Pool,
        config: Config,
        clock: Clock,
        reports: Reports,
    ) -> None:
        self.failures = 0
        self._promise, self._assembly, self._pool = promise, assembly, pool
        self._linger, self._clock = config.linger, clock
        self._ways = Ways()
        self._reports = reports
        self._loop = asyncio.get_running_loop()
        order = [*config.realtime.priority, *promise.model.manifest.stems]
        self._ranks = [min(map(order.index, entry.stems)) for entry in promise.model.manifest.specialists]
        self._key = promise.model.manifest.key
        self._lane = Lane.REALTIME if promise.realtime else Lane.FREE
        self._running: dict[tuple[int, int], Job] = {}
        self._idle: dict[int, int] = {}  # segments since nobody listened, by specialist
        self._loads: dict[int, float] = {}
        self._ended: dict[int, int] = {}  # when a specialist's last estimate was made, in ns

    @property
    def load(self) -> float:
        """Compute time of a hop over its duration, of the specialists that run, smoothed."""
        return sum(self._loads.get(index, 0.0) for index in self._assembly.tracks)

    def loads(self) -> dict[int, float]:
        """The load of each specialist that ran lately, smoothed."""
        old = self._clock() - (_LATELY_HOPS * self._promise.hop_seconds + _LATELY) * 1e9
        return {index: load for index, load in self._loads.items() if self._ended[index] > old}

    @property
    def editions(self) -> set[str]:
        """The keys of the manifests whose networks are in use."""
        return {self._key, *(job.edition for job in self._running.values())}

    def swap(self, key: str) -> None:
        """Run another edition of the networks from the next segment on; their stems are the same, one by one."""
        self._key = key

    def specialists(self, stem: str) -> list[int]:
        """The specialists that a stem takes."""
        wanted = sources(stem, self._promise.stems)
        entries = self._promise.model.manifest.specialists
        return [i for i, entry in enumerate(entries) if not set(entry.stems).isdisjoint(wanted)]

    def want(self, stem: str) -> list[Track]:
        """Let the specialists that a stem takes run, from the next segment on at the latest."""
        tracks = []
        for index in self.specialists(stem):
            self._idle.pop(index, None)
            entry = self._promise.model.manifest.specialists[index]
            tracks.append(self._assembly.tracks.get(index) or self._assembly.start(index, entry.stems))
        return tracks

    def way(self, stem: str, stop: int) -> Way | None:
        """How the frames of a stem before `stop` came about, those that came last; None where no network made them.

        When they leave is not known here, and 0.
        """
        tracks = self._assembly.tracks
        running = (index for index in self.specialists(stem) if index in tracks)
        return self._ways.latest((index, tracks[index].waited_for(stop)) for index in running)

    def submit(
        self, segments: Iterable[Segment], stems: Iterable[str], deadline: Callable[[int], int], arrived_ns: int
    ) -> None:
        """Hand segments to the pool, for each specialist that runs.

        Args:
            segments: in order.
            stems: what is listened to; specialists beyond that rest after a while.
            deadline: when the stem's frame at a position (the stream's frames) has to leave, in ns.
            arrived_ns: when the input was read that completed them.
        """
        wanted = {index for stem in stems for index in self.specialists(stem)}
        for segment in segments:
            self._rest(wanted)
            due = deadline(self._promise.in_stream(segment.span.position))
            for index, track in self._assembly.tracks.items():
                if segment.span.index < track.next:
                    continue  # given up before its input was there
                submitted = self._clock()
                future = self._pool.submit(NetworkId(self._key, index), segment, self._lane, due, self._ranks[index])
                job = Job(segment.span, future, self._key, arrived_ns, submitted)
                self._running[index, segment.span.index] = job
                future.add_done_callback(partial(self._hand_over, index, segment.span))

    def give_up(self, *, uncut: bool) -> bool:
        """Give up the estimates that the next block still lacks; False where it is input that lacks, unless `uncut`."""
        while unready := self._assembly.unready():
            for index in unready:
                track = self._assembly.tracks[index]
                job = self._running.pop((index, track.next), None)
                if job is None and not uncut:
                    return False
                if job:
                    job.future.cancel()
                    self._reports.settled(self._assembly.given)
                self._join(index, track, job.span if job else self._assembly.plan.span(track.next), None)
        return True

    def cancel(self) -> None:
        """Give up everything."""
        for job in self._running.values():
            job.future.cancel()
        self._running.clear()

    def _rest(self, wanted: set[int]) -> None:
        for index in [i for i in self._assembly.tracks if i not in wanted]:
            self._idle[index] = self._idle.get(index, 0) + 1
            if self._idle[index] > self._linger:
                self._idle.pop(index)
                self._assembly.stop(index)
                self._ways.forget(index)
                for key in [key for key in self._running if key[0] == index]:
                    self._running.pop(key).future.cancel()

    def _hand_over(self, index: int, span: Span, future: "Future[Estimate]") -> None:
        # In the worker's thread, or wherever the future was cancelled.
        if not future.cancelled() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finished, index, span, future)

    def _finished(self, index: int, span: Span, future: "Future[Estimate]") -> None:
        job = self._running.get((index, span.index))
        if job is None or job.future is not future:
            return  # given up before
        del self._running[index, span.index]
        stems = None
        fault = future.exception()
        if isinstance(fault, InferenceError):
            self.failures += 1
            self._reports.failed(fault)
        else:
            estimate = future.result()
            stems = estimate.stems
            self._ways.settled((index, span.index), _way(job, estimate.course))
            self._reports.settled(self._promise.in_stream(span.position))
            load = estimate.seconds / self._promise.hop_seconds
            before = self._loads.get(index, load)
            self._loads[index] = before + _SMOOTHING * (load - before)
            self._ended[index] = estimate.course.ended
        if track := self._assembly.tracks.get(index):
            self._join(index, track, span, stems)
            self._ways.forget(index, before=track.waited_for(self._assembly.given + 1))
        self._reports.arrived()

    def _join(self, index: int, track: Track, span: Span, stems: Float32Array | None) -> None:
        first = track.next
        track.push(span, stems)
        self._ways.joined(index, range(first, track.next), span.index, self._clock())


def _way(job: Job, course: Course) -> Way:
    return Way(
        arrived=job.arrived_ns,
        submitted=job.submitted_ns,
        begun=course.begun,
        network_begun=course.network_begun,
        network_ended=course.network_ended,
        ended=course.ended,
        ready=0,
        left=0,
    )
