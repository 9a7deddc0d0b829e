"""The output side of one stream: aligned blocks in, a header and PCM to each subscription."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from stemd.audio import Float32Array
from stemd.config import Realtime
from stemd.dsp.meter import PeakMeter
from stemd.dsp.mixer import Mixer
from stemd.errors import SubscriberStalled, UnknownStemError, nearest
from stemd.protocol import Flag, Stem, Way
from stemd.separation.assembly import AlignedBlock
from stemd.service.distribution import Timings
from stemd.service.intake import Clock
from stemd.service.promise import Promise
from stemd.service.rendering import MIX, OUT, Rendering, offered
from stemd.service.subscription import Subscription


class Player(Protocol):
    """Something in this process that takes a stem as it is, without a wire between."""

    stem: str

    def play(self, position: int, samples: Float32Array) -> None:
        """Take the frames (channels, n) from `position` on; they follow those of the last call."""


Dropped = Callable[[Subscription, SubscriberStalled], None]


@dataclass(slots=True)
class Counters:
    """What left so far: blocks, those of them that were degraded, and samples that did not fit into 16 bits."""

    blocks: int = 0
    degraded: int = 0
    saturated: int = 0


@dataclass(slots=True)
class Outlet:
    """Subscriptions of one stream, and what they are sent.

    Attributes:
        promise: what was agreed.
        limits: of the mailboxes of realtime streams.
        clock: nanoseconds of CLOCK_MONOTONIC.
        captured: when the frame at a position was captured, in nanoseconds; asked in realtime streams alone.
        way: how the frames of a stem before a position came about; asked where somebody wants to know.
        dropped: called with a lossless subscription whose backlog is full.
        timings: of the blocks of a realtime stream that left.
    """

    promise: Promise
    limits: Realtime
    clock: Clock
    captured: Callable[[int], int]
    way: Callable[[str, int], Way | None]
    dropped: Dropped
    subscriptions: list[Subscription] = field(default_factory=list)
    players: list[Player] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    timings: Timings = field(default_factory=Timings)
    mixer: Mixer = field(init=False)
    _meters: dict[str, PeakMeter] = field(default_factory=dict)
    _times: deque[tuple[int | None, int]] = field(default_factory=deque)
    _gaps: deque[tuple[int, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.mixer = Mixer(self.promise.stems, self.promise.request.rate, self.limits.fallback)

    @property
    def offered(self) -> tuple[str, ...]:
        """The stems that can be subscribed to."""
        return offered(self.promise.stems)

    @property
    def held(self) -> bool:
        """Whether a lossless subscription has no room for another block."""
        return any(s.lossless and s.full for s in self.subscriptions)

    @property
    def wanted(self) -> set[str]:
        """The stems that somebody listens to."""
        return {s.stem for s in self.subscriptions} | {p.stem for p in self.players}

    def check(self, stem: str) -> None:
        """Refuse a stem that is not on offer.

        Raises:
            UnknownStemError: naming those that are.
        """
        if stem not in self.offered:
            name = self.promise.request.stream
            raise UnknownStemError(f"stream {name!r} has no stem {stem!r}{nearest(stem, self.offered)}")

    def add(self, subscription: Subscription, first: int) -> None:
        """Send a subscription what comes from position `first` on."""
        subscription.begin(first, self._capacity(lossless=subscription.lossless), self._left)
        self.subscriptions.append(subscription)

    def check_parts(self, names: Iterable[str]) -> None:
        """Refuse names that the mixer does not have.

        Raises:
            UnknownStemError: naming those that it has.
        """
        for name in names:
            if name not in self.mixer.parts:
                stream = self.promise.request.stream
                raise UnknownStemError(f"stream {stream!r} has no gain {name!r}{nearest(name, self.mixer.parts)}")

    def expect(self, source_ns: int | None, arrival_ns: int) -> None:
        """Note the times of a block that went in, in order: it comes out as a block of the same size."""
        self._times.append((source_ns, arrival_ns))

    def gap(self, start: int, stop: int) -> None:
        """Note that frames `[start, stop)` never came."""
        self._gaps.append((start, stop))

    def deliver(self, block: AlignedBlock) -> None:
        """Render a block for everybody who listens, and offer it."""
        source_ns, arrival = self._times.popleft()
        stop = block.position + block.mixture.shape[1]
        rendering = Rendering(block, self.promise.stems, self._out(block))
        gap: tuple[Flag, ...] = ("gap",) if self._in_gap(block.position, stop) else ()
        for subscription in list(self.subscriptions):
            start = max(block.position, subscription.position or 0)
            if start >= stop:
                continue
            degraded: tuple[Flag, ...] = ("degraded",) if rendering.is_degraded(subscription.stem) else ()
            pcm = rendering.pcm(subscription.stem, subscription.format)
            skip = (start - block.position) * len(pcm) // (stop - block.position)
            header = self._header(subscription, start, stop - start, arrival, source_ns, (*gap, *degraded))
            if subscription.way and not degraded:
                header = replace(header, way=self.way(subscription.stem, stop))
            if not subscription.offer(header, pcm[skip:], self.clock()):
                self._drop(subscription)
        for player in self.players:
            if rendering.has(player.stem):
                player.play(block.position, rendering.samples(player.stem))
        self._meter(rendering)
        self.counters.blocks += 1
        self.counters.degraded += bool(block.degraded)
        self.counters.saturated += rendering.saturated

    def _meter(self, rendering: Rendering) -> None:
        """Note the levels of the mixture and of what somebody listens to; what has stopped has none."""
        measured = self.wanted | {MIX}
        for stem in self._meters.keys() - measured:
            del self._meters[stem]
        for stem in measured:
            if rendering.has(stem):
                meter = self._meters.setdefault(stem, PeakMeter(self.promise.request.rate))
                meter.push(rendering.samples(stem))

    def _out(self, block: AlignedBlock) -> Float32Array | None:
        stems = self.promise.stems
        if OUT not in self.wanted or not all(stem in block.stems for stem in stems):
            return None  # nobody listens to it, or not yet
        parts = {stem: block.stems[stem] for stem in stems}
        return self.mixer.out(block.mixture, parts, block.position, block.degraded.intersection(stems))

    def end(self, position: int, *, cut: bool) -> None:
        """Say to everybody that nothing follows `position`."""
        now = self.clock()
        flags: tuple[Flag, ...] = ("end", "cut") if cut else ("end",)
        for subscription in self.subscriptions:
            subscription.end(self._header(subscription, position, 0, now, None, flags), now)

    def state(self) -> dict[str, Any]:
        """What can be heard, levels and subscriptions, for `status`."""
        return {
            "stems": list(self.offered),
            "levels": {stem: round(self._meters[stem].level, 1) for stem in self.offered if stem in self._meters},
            "subscriptions": [s.state() for s in self.subscriptions],
        }

    def _header(
        self,
        subscription: Subscription,
        position: int,
        frames: int,
        arrival_ns: int,
        source_ns: int | None,
        flags: tuple[Flag, ...],
    ) -> Stem:
        request = self.promise.request
        return Stem(
            subscription=subscription.number,
            stream=request.stream,
            incarnation=self.promise.incarnation,
            stem=subscription.stem,
            sequence=0,  # these two are the subscription's to fill in
            dropped=0,
            position=position,
            frames=frames,
            rate=request.rate,
            channels=request.channels,
            format=subscription.format,
            capture_ns=self.captured(position) if self.promise.realtime and frames else arrival_ns,
            source_ns=source_ns,
            latency=self.promise.latency,
            flags=flags,
        )

    def _left(self, header: Stem) -> None:
        # The first block of a subscription may lack its first frames, and so leave before the time of the others.
        cut = "start" in header.flags and header.frames < self.promise.request.block
        if self.promise.realtime and not cut:
            seconds = (self.clock() - header.capture_ns) / 1e9
            self.timings.latency.note(seconds)
            self.timings.lateness.note(seconds - header.latency / header.rate)

    def _drop(self, subscription: Subscription) -> None:
        self.subscriptions.remove(subscription)
        fault = SubscriberStalled(
            f"subscription {subscription.number} ({subscription.stream}/{subscription.stem}) is "
            f"{self.limits.lossless_backlog:g} s behind and was dropped; read faster, or use delivery 'live'"
        )
        self.dropped(subscription, fault)

    def _capacity(self, *, lossless: bool) -> int:
        if lossless and not self.promise.realtime:
            return 1  # the source waits, so there is nothing to keep
        seconds = self.limits.lossless_backlog if lossless else self.limits.live_backlog
        request = self.promise.request
        return max(2, -(-int(seconds * request.rate) // request.block))

    def _in_gap(self, start: int, stop: int) -> bool:
        while self._gaps and self._gaps[0][1] <= start:
            self._gaps.popleft()
        return any(low < stop and start < high for low, high in self._gaps)
