"""The input side of one stream: what comes in, checked and timed, and silence in place of what never came."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stemd.audio import Float32Array
from stemd.protocol import Mixture, Open
from stemd.service.absence import Absence
from stemd.service.intake import Clock, Intake
from stemd.service.timebase import TimeBase


@dataclass(frozen=True, slots=True)
class Arrival:
    """The next frames of a stream's input.

    Attributes:
        missing: frames that never came; silence is in their place, before the samples.
        position: of the first frame of the samples.
        samples: (channels, n), n may be 0.
        arrived_ns: when, on the daemon's clock.
        source_ns: what the source sent with it.
    """

    missing: int
    position: int
    samples: Float32Array
    arrived_ns: int
    source_ns: int | None = None

    def blocks(self, size: int) -> Iterator[tuple[Float32Array, int | None]]:
        """The silence in blocks of `size` frames at most, then the samples; each with the source's time."""
        channels = self.samples.shape[0]
        for start in range(0, self.missing, size):
            yield np.zeros((channels, min(size, self.missing - start)), np.float32), None
        if self.samples.shape[1]:
            yield self.samples, self.source_ns


class Inlet:
    """Takes what a socket or a device of this process brings, each block as it comes.

    Args:
        opened: how the stream was opened.
        latency: what it was promised, in frames.
        clock: nanoseconds of CLOCK_MONOTONIC.
        fills: whether a realtime stream goes on, in silence, while its source says nothing; else it waits.

    Attributes:
        intake: positions and counters.
        timebase: of the source; it begins with the first block of a realtime stream.
    """

    def __init__(self, opened: Open, latency: int, clock: Clock, *, fills: bool) -> None:
        self.intake = Intake(opened, clock)
        self.timebase = TimeBase(opened.rate)
        self._absence = Absence(opened.rate, opened.block, latency)
        self._realtime = opened.timing == "realtime"
        self._channels, self._clock, self._fills = opened.channels, clock, fills

    def take(self, block: Mixture, pcm: memoryview) -> Arrival | None:
        """What a message brings; None where it comes too late to be used.

        Raises:
            BlockError: it is refused, and becomes a gap.
        """
        checked = self.intake.check(block, pcm)
        if checked is None:
            self._absence.back()
            return None
        missing, samples = checked
        return self._heard(Arrival(missing, block.position, samples, self._clock(), block.source_ns))

    def capture(self, position: int, samples: Float32Array, arrived_ns: int) -> Arrival | None:
        """What a device captured; what came before its time is over, is dropped: None where that is all."""
        over = self.intake.expected - position
        if over >= samples.shape[1]:
            self.intake.late += 1
            self._absence.back()
            return None
        if over > 0:
            position, samples = position + over, samples[:, over:]
        missing = position - self.intake.expected
        self.intake.skip(missing)
        self.intake.expected = position + samples.shape[1]
        return self._heard(Arrival(missing, position, samples, arrived_ns))

    def fill(self, now: int) -> Arrival | None:
        """Silence in place of a source that has been absent for too long."""
        if not (self._fills and self.timebase.started):
            return None
        missing = self._absence.missing(self.timebase.at(self.intake.expected), now)
        if not missing:
            return None
        self.intake.skip(missing)
        return Arrival(missing, self.intake.expected, np.zeros((self._channels, 0), np.float32), now)

    def next_look(self) -> int | None:
        """When `fill` may have something to say, in nanoseconds; None: never, as things are."""
        if not (self._fills and self.timebase.started):
            return None
        return self._absence.next_look(self.timebase.at(self.intake.expected))

    def _heard(self, arrival: Arrival) -> Arrival:
        self._absence.back()
        if self._realtime:
            self.timebase.arrived(arrival.position, arrival.arrived_ns)
        return arrival
