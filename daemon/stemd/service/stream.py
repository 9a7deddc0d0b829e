"""One stream in time: blocks in, segments to the pool, stem blocks out when they are due."""

import time
from dataclasses import replace
from typing import Any, Final, Unpack

from stemd.audio import Float32Array
from stemd.config import Config
from stemd.dsp.mixer import Changes
from stemd.dsp.segmenter import Segment
from stemd.errors import StreamClosed
from stemd.protocol import Mixture
from stemd.separation.assembly import Assembly
from stemd.separation.pool import Pool
from stemd.separation.store import Model
from stemd.service.alarm import Alarm
from stemd.service.events import Events
from stemd.service.inlet import Arrival, Inlet
from stemd.service.intake import Clock
from stemd.service.jobs import Jobs, Reports
from stemd.service.outlet import Outlet, Player
from stemd.service.promise import Promise
from stemd.service.subscription import Subscription

_UNREAD_NS: Final = 90_000_000  # for so long, while there is something to read, a source is not taken for absent
_UNREAD_STEP_NS: Final = 1_000_000


class Stream:
    """See the module. All methods run on the event loop.

    Args:
        promise: what was agreed.
        session: whose it is.
        pool: where segments run.
        config: for timeouts and backlogs.
        events: where to report.
        clock: nanoseconds of CLOCK_MONOTONIC.
        assembly: what `promise.assembly()` gives; else it is called, and takes its time.
    """

    def __init__(
        self,
        promise: Promise,
        session: str,
        pool: Pool,
        config: Config,
        events: Events,
        clock: Clock = time.monotonic_ns,
        assembly: Assembly | None = None,
    ) -> None:
        self.promise, self.session = promise, session
        self.closing = self.over = False
        self._events, self._clock = events, clock
        self._alarm = Alarm(clock, self.pump)
        self.inlet = Inlet(promise.request, promise.latency, clock, fills=promise.fills)
        self._assembly = assembly or promise.assembly()
        reports = Reports(self.pump, lambda fault: events.failed(self, fault), self._settled)
        self._jobs = Jobs(promise, self._assembly, pool, config, clock, reports)
        self.outlet = Outlet(promise, config.realtime, clock, self.inlet.timebase.at, self._jobs.way, events.dropped)
        if not promise.realtime:
            self.inlet.intake.granted = self._window()

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.promise.request.stream

    @property
    def given(self) -> int:
        """The position of the next block to leave."""
        return self._assembly.given

    @property
    def editions(self) -> set[str]:
        """The keys of the manifests whose networks are in use."""
        return self._jobs.editions

    def swap(self, model: Model) -> None:
        """Run another edition of the networks from the next segment on, or another model with the same stems.

        Its estimates join those before as any two segments do: crossfaded over the plan's overlap, or by the windows
        of the STFT. Latency and positions stay. See `stemd.service.swapping.obstacle` for which models will do.
        """
        self.promise = replace(self.promise, model=model)
        self._jobs.swap(model.manifest.key)

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

    def set_mixer(self, **changes: Unpack[Changes]) -> int:
        """Begin to move controls of `out` with the next block; its position. What is None stays.

        Raises:
            UnknownStemError: a name is none of the mixer's; nothing was set.
        """
        named = (changes.get("gains"), changes.get("mute"), changes.get("solo"))
        self.outlet.check_parts([part for names in named for part in names or ()])
        self.outlet.mixer.set(self.given, **changes)
        return self.given

    def capture(self, position: int, samples: Float32Array, arrived_ns: int) -> None:
        """Take frames (channels, n) that a device of this process captured, the last of them at `arrived_ns`.

        What came before its time is over, is dropped; what is missing before it becomes a gap.
        """
        if not self.closing and (arrival := self.inlet.capture(position, samples, arrived_ns)):
            self._feed(arrival)
            self.pump()

    def take(self, block: Mixture, pcm: memoryview) -> None:
        """Take a block of the mixture.

        Raises:
            BlockError: it is refused, and becomes a gap.
            StreamClosed: the stream is closing.
        """
        if self.closing:
            raise StreamClosed(f"stream {self.name!r} is closing; open it anew to send more")
        if arrival := self.inlet.take(block, pcm):
            self._feed(arrival)
            self.pump()
        else:
            self._events.moved(self, self.inlet.intake.expected)

    def close(self) -> None:
        """No more input: separate and send what is inside, then end."""
        if not self.closing:
            self.closing = True
            self._submit(self._assembly.flush(), self._clock())
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
            self.inlet.intake.granted = self.given + self._window()
            self._events.granted(self, self.inlet.intake.granted)

    def _pump_paced(self) -> None:
        if not self.closing:
            self._fill()
        while self.given < self._assembly.received:
            due = self._due(self.given)
            if due > self._clock():
                self._alarm.set(due)
                return
            if not self._jobs.give_up(uncut=self.promise.fills):
                return  # the source has paused: its next block moves the time base, and this one with it
            if block := self._assembly.pop():
                self.outlet.deliver(block)

    def _fill(self) -> None:
        """Go on without a source that is absent."""
        now, look = self._clock(), self.inlet.next_look()
        if look is not None and look <= now < look + _UNREAD_NS and self._events.unread(self):
            # This process was held up: what seems late may lie at the door.
            self._alarm.set(now + _UNREAD_STEP_NS)
            return
        if arrival := self.inlet.fill(now):
            self._feed(arrival)
            self._events.moved(self, self.inlet.intake.expected)
        if look := self.inlet.next_look():
            self._alarm.set(look)

    def _feed(self, arrival: Arrival) -> None:
        # A device's frames count as if they had waited for longer, see Source.
        read = min(arrival.arrived_ns, self._clock())
        if arrival.missing:
            self.outlet.gap(arrival.position - arrival.missing, arrival.position)
        for samples, source_ns in arrival.blocks(self.promise.request.block):
            self.outlet.expect(source_ns, arrival.arrived_ns)
            self._submit(self._assembly.push(samples), read)

    def _submit(self, segments: list[Segment], arrived_ns: int) -> None:
        stems = self.outlet.wanted
        # A free stream's segments run in the order of their coming.
        due = self._due if self.promise.realtime else lambda _: self._clock()
        self._jobs.submit(segments, stems, due, arrived_ns)

    def _end(self, *, cut: bool) -> None:
        self.over = self.closing = True
        self._alarm.cancel()
        self._jobs.cancel()
        self.outlet.end(self.given, cut=cut)
        self._events.ended(self, cut=cut)

    def _due(self, position: int) -> int:
        return self.inlet.timebase.at(position) + self.promise.latency * 1_000_000_000 // self.promise.request.rate

    def _settled(self, position: int) -> None:
        if self.promise.realtime:
            # It has to be there when the block leaves in which its first frame is.
            start = max(self.given, position - position % self.promise.request.block)
            self.outlet.timings.margin.note((self._due(start) - self._clock()) / 1e9)

    def _window(self) -> int:
        """Frames that a free source may be ahead of what has left: enough that the network never waits for it."""
        return self.promise.latency + 2 * self.promise.in_stream(self.promise.plan.hop) + 4 * self.promise.request.block

    def counts(self) -> dict[str, int]:
        """What happened so far, by name; none of it ever goes down."""
        counters, intake = self.outlet.counters, self.inlet.intake
        return {
            "blocks": counters.blocks,
            "degraded": counters.degraded,
            "saturated": counters.saturated,
            "failures": self._jobs.failures,
            "gaps": intake.gaps,
            "late": intake.late,
            "refused": intake.refused,
            "jumps": self.inlet.timebase.jumps,
        }

    @property
    def load(self) -> float:
        """Compute time of a hop over its duration."""
        return self._jobs.load

    def loads(self) -> dict[int, float]:
        """See Jobs."""
        return self._jobs.loads()

    def state(self) -> dict[str, Any]:
        """For `status`."""
        request = self.promise.request
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
            "load": round(self.load, 4),
            **self.counts(),
            **self.outlet.mixer.state(),
            **self.outlet.state(),
        }
