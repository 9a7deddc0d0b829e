"""One stream in time: blocks in, segments to the pool, stem blocks out when they are due."""

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any, Final, Protocol

import numpy as np

from stemd.audio import Float32Array
from stemd.config import Config
from stemd.dsp.segmenter import Segment
from stemd.errors import StemdError, StreamClosed
from stemd.protocol import Mixture
from stemd.separation.assembly import Assembly
from stemd.separation.pool import Pool
from stemd.service.absence import Absence
from stemd.service.intake import Clock, Intake
from stemd.service.jobs import Jobs
from stemd.service.outlet import Outlet, Player
from stemd.service.promise import Promise
from stemd.service.subscription import Subscription
from stemd.service.timebase import TimeBase

_TIMER_SLACK_NS: Final = 500_000


class Events(Protocol):
    """What a stream tells the server."""

    def granted(self, stream: "Stream", until: int) -> None:
        """More input may come."""

    def failed(self, stream: "Stream", fault: StemdError) -> None:
        """The owner should know."""

    def moved(self, stream: "Stream", position: int) -> None:
        """The stream went on without its source, which should go on at a position."""

    def dropped(self, subscription: Subscription, fault: StemdError) -> None:
        """A subscription was ended by force."""

    def ended(self, stream: "Stream", *, cut: bool) -> None:
        """The last block has left."""


class Stream:
    """See the module. All methods run on the event loop.

    Args:
        promise: what was agreed.
        session: whose it is.
        pool: where segments run.
        config: for timeouts and backlogs.
        events: where to report.
        clock: nanoseconds of CLOCK_MONOTONIC.
        fills: whether a realtime stream goes on, in silence, while its source says nothing; else it waits.
    """

    def __init__(
        self,
        promise: Promise,
        session: str,
        pool: Pool,
        config: Config,
        events: Events,
        clock: Clock = time.monotonic_ns,
        *,
        fills: bool = False,
    ) -> None:
        self.promise, self.session = promise, session
        self._fills = fills
        self.closing = self.over = False
        self._events, self._clock = events, clock
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0
        request, model = promise.request, promise.model
        self.intake = Intake(request, clock)
        self.timebase = TimeBase(request.rate)
        self._absence = Absence(request.rate, request.block, promise.latency)
        self._assembly = Assembly(
            promise.plan, model.manifest.sample_rate, request.rate, request.channels, spectral=model.spectral
        )
        self._jobs = Jobs(
            *(promise, self._assembly, pool, config.linger, config.realtime.priority),
            arrived=self.pump,
            failed=lambda fault: events.failed(self, fault),
        )
        self.outlet = Outlet(promise, config.realtime, clock, self.timebase.at, events.dropped)
        if not promise.realtime:
            self.intake.granted = self._window()

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.promise.request.stream

    @property
    def given(self) -> int:
        """The position of the next block to leave."""
        return self._assembly.given

    def subscribe(self, subscription: Subscription) -> None:
        """Let a subscription take part from the next frame that can be had.

        Raises:
            UnknownStemError: the stream does not offer the stem.
        """
        self.outlet.check(subscription.stem)
        tracks = self._jobs.want(subscription.stem)
        self.outlet.add(subscription, max([self.given, *(track.first for track in tracks)]))

    def play_to(self, player: Player) -> None:
        """Let something in this process take a stem from the next block on that can be had.

        Raises:
            UnknownStemError: the stream does not offer the stem.
        """
        self.outlet.check(player.stem)
        self._jobs.want(player.stem)
        self.outlet.players.append(player)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a subscription; nothing waits for it any more."""
        if subscription in self.outlet.subscriptions:
            self.outlet.subscriptions.remove(subscription)
            self.pump()

    def set_mixer(
        self,
        *,
        gains: Mapping[str, float] | None = None,
        mute: Collection[str] | None = None,
        solo: Collection[str] | None = None,
        wet: float | None = None,
        bypass: bool | None = None,
    ) -> int:
        """Begin to move controls of `out` with the next block; its position. What is None stays.

        Raises:
            UnknownStemError: a name is none of the mixer's; nothing was set.
        """
        self.outlet.check_parts([*(gains or ()), *(mute or ()), *(solo or ())])
        self.outlet.mixer.set(self.given, gains=gains, mute=mute, solo=solo, wet=wet, bypass=bypass)
        return self.given

    def capture(self, position: int, samples: Float32Array, arrived_ns: int) -> None:
        """Take frames (channels, n) that a device of this process captured, the last of them at `arrived_ns`.

        What came before its time is over, is dropped; what is missing before it becomes a gap.
        """
        if self.closing:
            return
        over = self.intake.expected - position
        if over >= samples.shape[1]:
            self.intake.late += 1
            self._absence.back()
            return
        if over > 0:
            position, samples = position + over, samples[:, over:]
        missing = position - self.intake.expected
        self.intake.skip(missing)
        self.intake.expected = position + samples.shape[1]
        self._accept(position, missing, samples, arrived_ns, None)

    def take(self, block: Mixture, pcm: memoryview) -> None:
        """Take a block of the mixture.

        Raises:
            BlockError: it is refused, and becomes a gap.
            StreamClosed: the stream is closing.
        """
        if self.closing:
            raise StreamClosed(f"stream {self.name!r} is closing; open it anew to send more")
        checked = self.intake.check(block, pcm)
        if checked is None:
            self._absence.back()
            self._events.moved(self, self.intake.expected)
            return
        missing, samples = checked
        self._accept(block.position, missing, samples, self._clock(), block.source_ns)

    def _accept(self, position: int, missing: int, samples: Float32Array, now: int, source_ns: int | None) -> None:
        self._absence.back()
        if self.promise.realtime:
            self.timebase.arrived(position, now)
        self._silence(position - missing, missing, now)
        if samples.shape[1]:
            self._feed(samples, source_ns, now)
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

    def pump(self) -> None:
        """Send what is due, and see to the rest being sent when it is."""
        if self.over:
            return
        if self.promise.realtime:
            self._pump_paced()
        else:
            self._pump_free()
        if self.closing and self.given == self._assembly.received and not self.over:
            self._end(cut=False)

    def _pump_free(self) -> None:
        before = self.given
        while not self.outlet.held and (block := self._assembly.pop()):
            self.outlet.deliver(block)
        if self.given != before and not self.closing:
            self.intake.granted = self.given + self._window()
            self._events.granted(self, self.intake.granted)

    def _pump_paced(self) -> None:
        if look := self._fill(self._clock()):
            self._wake_at(look)
        while self.given < self._assembly.received:
            due = self._due(self.given)
            if due > self._clock():
                self._wake_at(due)
                return
            if not self._jobs.give_up(uncut=self._fills):
                return  # the source has paused: its next block moves the time base, and this one with it
            if block := self._assembly.pop():
                self.outlet.deliver(block)

    def _wake_at(self, due: int) -> None:
        """Look again at a time, or up to half a millisecond later; a timer that is set already may do."""
        if self._timer:
            if self._timer_due <= due + _TIMER_SLACK_NS:
                return
            self._timer.cancel()
        self._timer_due = due
        # Whole milliseconds, rounded up: uvloop has no finer ones, and a timer that is early has to be set again.
        wait = -(-(due - self._clock()) // 1_000_000) / 1_000
        self._timer = asyncio.get_running_loop().call_later(wait, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self.pump()

    def _silence(self, position: int, missing: int, now: int) -> None:
        """Put silence where input lacks."""
        if missing:
            self.outlet.gap(position, position + missing)
        while missing:
            frames = min(missing, self.promise.request.block)
            self._feed(np.zeros((self.promise.request.channels, frames), np.float32), None, now)
            missing -= frames

    def _fill(self, now: int) -> int | None:
        """Go on without a source that is absent; when to look again."""
        if not (self._fills and self.timebase.started) or self.closing:
            return None
        expected = self.intake.expected
        missing = self._absence.missing(self.timebase.at(expected), now)
        if missing:
            self.intake.skip(missing)
            self._silence(expected, missing, now)
            self._events.moved(self, self.intake.expected)
        return self._absence.next_look(self.timebase.at(self.intake.expected))

    def _feed(self, samples: Float32Array, source_ns: int | None, now: int) -> None:
        self.outlet.expect(source_ns, now)
        self._submit(self._assembly.push(samples))

    def _submit(self, segments: list[Segment]) -> None:
        stems = self.outlet.wanted
        # A free stream's segments run in the order of their coming.
        self._jobs.submit(segments, stems, self._due if self.promise.realtime else lambda _: self._clock())

    def _end(self, *, cut: bool) -> None:
        self.over = self.closing = True
        if self._timer:
            self._timer.cancel()
        self._jobs.cancel()
        self.outlet.end(self.given, cut=cut)
        self._events.ended(self, cut=cut)

    def _due(self, position: int) -> int:
        return self.timebase.at(position) + self.promise.latency * 1_000_000_000 // self.promise.request.rate

    def _window(self) -> int:
        """Frames that a free source may be ahead of what has left: enough that the network never waits for it."""
        return self.promise.latency + 2 * self.promise.in_stream(self.promise.plan.hop) + 4 * self.promise.request.block

    def state(self) -> dict[str, Any]:
        """For `status`."""
        request, counters = self.promise.request, self.outlet.counters
        return {
            "stream": self.name,
            "incarnation": self.promise.incarnation,
            "timing": request.timing,
            "rate": request.rate,
            "channels": request.channels,
            "model": self.promise.model.manifest.name,
            "latency": self.promise.latency,
            "received": self._assembly.received,
            "given": self.given,
            "running": [stem for track in self._assembly.tracks.values() for stem in track.stems],
            "load": round(self._jobs.load, 4),
            "blocks": counters.blocks,
            "degraded": counters.degraded,
            "saturated": counters.saturated,
            "failures": self._jobs.failures,
            "gaps": self.intake.gaps,
            "late": self.intake.late,
            "refused": self.intake.refused,
            "jumps": self.timebase.jumps,
            **self.outlet.mixer.state(),
            **self.outlet.state(),
        }
