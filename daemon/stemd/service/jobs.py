"""The segments of one stream that are with the pool, and which specialists they are for."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError
from stemd.separation.assembly import Assembly, Track
from stemd.separation.pool import Estimate, Lane, NetworkId, Pool
from stemd.service.promise import Promise
from stemd.service.rendering import sources

_SMOOTHING = 0.2  # of the load, per segment


@dataclass(frozen=True, slots=True)
class Job:
    """A segment that is with the pool."""

    span: Span
    future: "Future[Estimate]"


class Jobs:
    """Runs on the event loop; only the hand-over of a result comes from a worker's thread.

    Args:
        promise: the stream's model and lane.
        assembly: where segments come from and estimates go.
        pool: where they run.
        linger: hops that a specialist goes on after its last listener.
        priority: stems whose specialists go first.
        arrived: called when an estimate was added.
        failed: called with what a network raised; its segment becomes silence, flagged as degraded.
    """

    def __init__(
        self,
        promise: Promise,
        assembly: Assembly,
        pool: Pool,
        linger: int,
        priority: Sequence[str],
        arrived: Callable[[], None],
        failed: Callable[[InferenceError], None],
    ) -> None:
        self.failures = 0
        self._promise, self._assembly, self._pool = promise, assembly, pool
        self._linger, self._arrived, self._failed = linger, arrived, failed
        self._loop = asyncio.get_running_loop()
        order = [*priority, *promise.model.manifest.stems]
        self._ranks = [min(map(order.index, entry.stems)) for entry in promise.model.manifest.specialists]
        self._lane = Lane.REALTIME if promise.realtime else Lane.FREE
        self._running: dict[tuple[int, int], Job] = {}
        self._idle: dict[int, int] = {}  # segments since nobody listened, by specialist
        self._loads: dict[int, float] = {}

    @property
    def load(self) -> float:
        """Compute time of a hop over its duration, of the specialists that run, smoothed."""
        return sum(self._loads.get(index, 0.0) for index in self._assembly.tracks)

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

    def submit(self, segments: Iterable[Segment], stems: Iterable[str], deadline: Callable[[int], int]) -> None:
        """Hand segments to the pool, for each specialist that runs.

        Args:
            segments: in order.
            stems: what is listened to; specialists beyond that rest after a while.
            deadline: when the stem's frame at a position (the stream's frames) has to leave, in ns.
        """
        wanted = {index for stem in stems for index in self.specialists(stem)}
        name = self._promise.model.manifest.name
        for segment in segments:
            self._rest(wanted)
            due = deadline(self._promise.in_stream(segment.span.position))
            for index, track in self._assembly.tracks.items():
                if segment.span.index < track.next:
                    continue  # given up before its input was there
                future = self._pool.submit(NetworkId(name, index), segment, self._lane, due, self._ranks[index])
                self._running[index, segment.span.index] = Job(segment.span, future)
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
                track.push(job.span if job else self._assembly.plan.span(track.next), None)
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
            self._failed(fault)
        else:
            estimate = future.result()
            stems = estimate.stems
            load = estimate.seconds / self._promise.hop_seconds
            before = self._loads.get(index, load)
            self._loads[index] = before + _SMOOTHING * (load - before)
        if track := self._assembly.tracks.get(index):
            track.push(span, stems)
        self._arrived()
