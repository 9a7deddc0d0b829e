"""One stream in time: blocks in, segments to the pool, stem blocks out when they are due."""

import asyncio
import secrets
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

import numpy as np

from stemd.audio import Float32Array
from stemd.config import Config
from stemd.dsp.mixing import RAMP_SECONDS, GainRamp
from stemd.dsp.plan import Span, WindowPlan
from stemd.dsp.resample import resampled_length
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, StemdError, StreamClosed, SubscriberStalled, UnknownStemError, nearest
from stemd.protocol import Flag, Mixture, Open, Stem
from stemd.separation.assembly import AlignedBlock, Assembly
from stemd.separation.pool import Estimate, Lane, NetworkId, Pool
from stemd.separation.store import Model
from stemd.service.intake import Clock, Intake
from stemd.service.rendering import Rendering, offered, sources
from stemd.service.subscription import Subscription
from stemd.service.timebase import TimeBase

REST: Final = "rest"


class Events(Protocol):
    """What a stream tells the server."""

    def granted(self, stream: "Stream", until: int) -> None:
        """More input may come."""

    def failed(self, stream: "Stream", fault: StemdError) -> None:
        """The owner should know."""

    def dropped(self, subscription: Subscription, fault: StemdError) -> None:
        """A subscription was ended by force."""

    def ended(self, stream: "Stream", *, cut: bool) -> None:
        """The last block has left."""


@dataclass(frozen=True, slots=True)
class Job:
    """A segment that is with the pool."""

    span: Span
    future: "Future[Estimate]"


@dataclass(slots=True)
class Counters:
    """What happened to a stream so far; all in blocks, but `saturated` in samples."""

    blocks: int = 0
    degraded: int = 0
    saturated: int = 0
    failures: int = 0
    load: float = 0.0
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Promise:
    """What was agreed at open: the model and plan, the network stems on offer, and the latency in frames."""

    model: Model
    plan: WindowPlan
    stems: tuple[str, ...]
    latency: int
    incarnation: str = field(default_factory=lambda: secrets.token_hex(8))


class Stream:
    """See the module. All methods run on the event loop.

    Args:
        request: how it was opened.
        session: whose it is.
        promise: what was agreed.
        pool: where segments run.
        config: for timeouts and backlogs.
        events: where to report.
        clock: nanoseconds of CLOCK_MONOTONIC.
    """

    def __init__(
        self,
        request: Open,
        session: str,
        promise: Promise,
        pool: Pool,
        config: Config,
        events: Events,
        clock: Clock = time.monotonic_ns,
    ) -> None:
        self.request, self.session, self.promise = request, session, promise
        self.subscriptions: list[Subscription] = []
        self.counters = Counters()
        self.intake = Intake(request, clock)
        self.timebase = TimeBase(request.rate)
        self.closing = self.over = False
        self._pool, self._config, self._events, self._clock = pool, config, events, clock
        self._loop = asyncio.get_running_loop()
        model = promise.model
        self._assembly = Assembly(
            promise.plan, model.manifest.sample_rate, request.rate, request.channels, spectral=model.spectral
        )
        self._jobs: dict[tuple[int, int], Job] = {}
        self._sources: deque[tuple[int | None, int]] = deque()  # (source_ns, arrival) of each block still inside
        self._gaps: deque[tuple[int, int]] = deque()
        self._idle: dict[int, int] = {}  # segments since nobody listened, by specialist
        self._timer: asyncio.TimerHandle | None = None
        ramp = max(1, round(RAMP_SECONDS * request.rate))
        self._gains = {name: GainRamp(ramp) for name in (*promise.stems, REST)}
        if request.timing == "free":
            self.intake.granted = self._window()

    # --- for listeners -----------------------------------------------------------------------------------------

    @property
    def offered(self) -> tuple[str, ...]:
        """The stems that can be subscribed to."""
        return offered(self.promise.stems)

    @property
    def given(self) -> int:
        """The position of the next block to leave."""
        return self._assembly.given

    def subscribe(self, subscription: Subscription) -> None:
        """Let a subscription take part from the next frame that can be had.

        Raises:
            UnknownStemError: the stream does not offer the stem.
        """
        if subscription.stem not in self.offered:
            raise UnknownStemError(
                f"stream {self.request.stream!r} has no stem {subscription.stem!r}{nearest(subscription.stem, self.offered)}"
            )
        first = self.given
        for index in self._specialists(subscription.stem):
            track = self._assembly.tracks.get(index)
            if track is None:
                track = self._assembly.start(index, self._stems_of(index))
            self._idle.pop(index, None)
            first = max(first, track.first)
        subscription.begin(first, self._capacity(lossless=subscription.lossless))
        self.subscriptions.append(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a subscription; nothing waits for it any more."""
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
            self.pump()

    def set_gains(self, gains: dict[str, float]) -> tuple[int, int]:
        """Begin to move gains of `out`; the position where the ramp begins, and its length.

        Raises:
            UnknownStemError: there is no such gain.
        """
        for name in gains:
            if name not in self._gains:
                raise UnknownStemError(
                    f"stream {self.request.stream!r} has no gain {name!r}{nearest(name, self._gains)}"
                )
        for name, value in gains.items():
            self._gains[name].set(self.given, value)
        return self.given, self._gains[REST].ramp

    def gains(self) -> dict[str, float]:
        """Where each gain is or goes."""
        return {name: ramp.target for name, ramp in self._gains.items()}

    # --- for the source ----------------------------------------------------------------------------------------

    def take(self, block: Mixture, pcm: memoryview) -> None:
        """Take a block of the mixture.

        Raises:
            BlockError: it is refused, and becomes a gap.
            StreamClosed: the stream is closing.
        """
        if self.closing:
            raise StreamClosed(f"stream {self.request.stream!r} is closing; open it anew to send more")
        now = self._clock()
        checked = self.intake.check(block, pcm)
        if checked is None:
            return
        missing, samples = checked
        if self.request.timing == "realtime":
            self.timebase.arrived(block.position, now)
        if missing:
            self._gaps.append((block.position - missing, block.position))
        while missing:
            frames = min(missing, self.request.block)
            self._feed(np.zeros((self.request.channels, frames), np.float32), None, now)
            missing -= frames
        self._feed(samples, block.source_ns, now)
        self.pump()

    def close(self) -> None:
        """No more input: separate and send what is inside, then end."""
        if not self.closing:
            self.closing = True
            self._submit(self._assembly.flush())
            self.pump()

    def cut(self) -> None:
        """End now; what is inside is lost, and said to be."""
        if not self.over:
            self._end(cut=True)

    def _feed(self, samples: Float32Array, source_ns: int | None, now: int) -> None:
        self._sources.append((source_ns, now))
        self._submit(self._assembly.push(samples))

    # --- segments ----------------------------------------------------------------------------------------------

    def _submit(self, segments: list[Segment]) -> None:
        for segment in segments:
            self._rest_unheard()
            for index in self._assembly.tracks:
                self._run(index, segment)

    def _run(self, index: int, segment: Segment) -> None:
        name = self.promise.model.manifest.name
        realtime = self.request.timing == "realtime"
        lane = Lane.REALTIME if realtime else Lane.FREE
        deadline = self._due(self._to_stream(segment.span.position)) if realtime else self._clock()
        future = self._pool.submit(NetworkId(name, index), segment, lane, deadline)
        self._jobs[index, segment.span.index] = Job(segment.span, future)
        future.add_done_callback(partial(self._hand_over, index, segment.span))

    def _hand_over(self, index: int, span: Span, future: "Future[Estimate]") -> None:
        # Runs in the worker's thread, or wherever the future was cancelled.
        if not future.cancelled() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finished, index, span, future)

    def _finished(self, index: int, span: Span, future: "Future[Estimate]") -> None:
        if self._jobs.pop((index, span.index), None) is None:
            return  # given up before
        stems = None
        fault = future.exception()
        if isinstance(fault, InferenceError):
            self.counters.failures += 1
            self._events.failed(self, fault)
        else:
            estimate = future.result()
            stems = estimate.stems
            hop = self.promise.plan.hop / self.promise.model.manifest.sample_rate
            self.counters.load += 0.2 * (estimate.seconds / hop - self.counters.load)
        if track := self._assembly.tracks.get(index):
            track.push(span, stems)
        self.pump()

    def _give_up(self) -> bool:
        """Give up the estimates that the block now due still lacks; False where it is input that lacks."""
        while unready := self._assembly.unready():
            for index in unready:
                job = self._jobs.pop((index, self._assembly.tracks[index].next), None)
                if job is None:
                    return False
                job.future.cancel()
                self._assembly.tracks[index].push(job.span, None)
        return True

    def _rest_unheard(self) -> None:
        wanted = {index for s in self.subscriptions for index in self._specialists(s.stem)}
        for index in [i for i in self._assembly.tracks if i not in wanted]:
            self._idle[index] = self._idle.get(index, 0) + 1
            if self._idle[index] > self._config.linger:
                self._idle.pop(index)
                self._assembly.stop(index)

    def _specialists(self, stem: str) -> list[int]:
        wanted = sources(stem, self.promise.stems)
        entries = self.promise.model.manifest.specialists
        return [i for i, entry in enumerate(entries) if not set(entry.stems).isdisjoint(wanted)]

    def _stems_of(self, index: int) -> tuple[str, ...]:
        return self.promise.model.manifest.specialists[index].stems

    # --- blocks out --------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send what is due, and see to the rest being sent when it is."""
        if self.over:
            return
        if self.request.timing == "free":
            self._pump_free()
        else:
            self._pump_paced()
        if self.closing and self.given == self._assembly.received:
            self._end(cut=False)

    def _pump_free(self) -> None:
        before = self.given
        while not any(s.lossless and s.full for s in self.subscriptions):
            block = self._assembly.pop()
            if block is None:
                break
            self._deliver(block)
        until = self.given + self._window()
        if self.given != before and not self.closing:
            self.intake.granted = until
            self._events.granted(self, until)

    def _pump_paced(self) -> None:
        while self.given < self._assembly.received:
            wait = self._due(self.given) - self._clock()
            if wait > 0:
                self._wake_in(wait)
                return
            if not self._give_up():
                # The source has paused: its next block moves the time base, and this one with it.
                self.counters.overdue += 1
                return
            block = self._assembly.pop()
            assert block is not None, "nothing lacks, so the block is there"  # noqa: S101
            self._deliver(block)

    def _wake_in(self, wait_ns: int) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_later(wait_ns / 1e9, self.pump)

    def _deliver(self, block: AlignedBlock) -> None:
        source_ns, arrival = self._sources.popleft()
        frames = block.mixture.shape[1]
        now = self._clock()
        rendering = Rendering(block, self.promise.stems, self._gains)
        gap = self._in_gap(block.position, block.position + frames)
        self.counters.blocks += 1
        self.counters.degraded += bool(block.degraded)
        for subscription in list(self.subscriptions):
            start = max(block.position, subscription.position or 0)
            if start < block.position + frames:
                flags: tuple[Flag, ...] = ("gap",) if gap else ()
                if rendering.is_degraded(subscription.stem):
                    flags = (*flags, "degraded")
                header = self._header(subscription, start, block.position + frames - start, arrival, source_ns, flags)
                pcm = rendering.pcm(subscription.stem, subscription.format)
                skip = (start - block.position) * len(pcm) // frames
                if not subscription.offer(header, pcm[skip:], now):
                    self._drop(subscription)
        self.counters.saturated += rendering.saturated

    def _header(
        self,
        subscription: Subscription,
        position: int,
        frames: int,
        arrival: int,
        source_ns: int | None,
        flags: tuple[Flag, ...],
    ) -> Stem:
        request = self.request
        return Stem(
            subscription=subscription.number,
            stream=request.stream,
            incarnation=self.promise.incarnation,
            stem=subscription.stem,
            sequence=0,
            position=position,
            frames=frames,
            rate=request.rate,
            channels=request.channels,
            format=subscription.format,
            capture_ns=self.timebase.at(position) if request.timing == "realtime" else arrival,
            source_ns=source_ns,
            latency=self.promise.latency,
            dropped=0,
            flags=flags,
        )

    def _drop(self, subscription: Subscription) -> None:
        self.subscriptions.remove(subscription)
        backlog = self._config.realtime.lossless_backlog
        self._events.dropped(
            subscription,
            SubscriberStalled(
                f"subscription {subscription.number} ({self.request.stream}/{subscription.stem}) took nothing for "
                f"{backlog:g} s and was dropped; use delivery 'live', or read faster"
            ),
        )

    def _end(self, *, cut: bool) -> None:
        self.over = self.closing = True
        if self._timer:
            self._timer.cancel()
        for job in self._jobs.values():
            job.future.cancel()
        self._jobs.clear()
        now = self._clock()
        flags: tuple[Flag, ...] = ("end", "cut") if cut else ("end",)
        for subscription in self.subscriptions:
            at = self.given
            arrival = self._sources[0][1] if self._sources else now
            header = self._header(subscription, at, 0, arrival, None, flags) if self._timed else None
            subscription.end(header or self._untimed_end(subscription, now, flags), now)
        self._events.ended(self, cut=cut)

    @property
    def _timed(self) -> bool:
        return self.request.timing == "free" or self.timebase.started

    def _untimed_end(self, subscription: Subscription, now: int, flags: tuple[Flag, ...]) -> Stem:
        self.timebase.arrived(0, now)
        return self._header(subscription, 0, 0, now, None, flags)

    # --- lengths and times -------------------------------------------------------------------------------------

    def _due(self, position: int) -> int:
        return self.timebase.at(position) + self.promise.latency * 1_000_000_000 // self.request.rate

    def _to_stream(self, position: int) -> int:
        return resampled_length(position, self.promise.model.manifest.sample_rate, self.request.rate)

    def _window(self) -> int:
        """Frames that a free source may be ahead of what has left: enough that the network never waits for it."""
        return self.promise.latency + 2 * self._to_stream(self.promise.plan.hop) + 4 * self.request.block

    def _capacity(self, *, lossless: bool) -> int:
        if lossless and self.request.timing == "free":
            return 1
        realtime = self._config.realtime
        seconds = realtime.lossless_backlog if lossless else realtime.live_backlog
        return max(2, -(-int(seconds * self.request.rate) // self.request.block))

    def _in_gap(self, start: int, stop: int) -> bool:
        while self._gaps and self._gaps[0][1] <= start:
            self._gaps.popleft()
        return any(low < stop and start < high for low, high in self._gaps)

    def state(self) -> dict[str, Any]:
        """For `status`."""
        request, promise, counters = self.request, self.promise, self.counters
        return {
            "stream": request.stream,
            "incarnation": promise.incarnation,
            "timing": request.timing,
            "rate": request.rate,
            "channels": request.channels,
            "model": promise.model.manifest.name,
            "latency": promise.latency,
            "received": self._assembly.received,
            "given": self.given,
            "running": [stem for track in self._assembly.tracks.values() for stem in track.stems],
            "load": round(counters.load, 4),
            "blocks": counters.blocks,
            "degraded": counters.degraded,
            "failures": counters.failures,
            "saturated": counters.saturated,
            "gaps": self.intake.gaps,
            "late": self.intake.late,
            "refused": self.intake.refused,
            "jumps": self.timebase.jumps,
            "gains": self.gains(),
            "subscriptions": [
                {
                    "subscription": s.number,
                    "stem": s.stem,
                    "delivery": "lossless" if s.lossless else "live",
                    "sent": s.sequence,
                    "dropped": s.dropped,
                    "waiting": s.waiting,
                }
                for s in self.subscriptions
            ],
        }
