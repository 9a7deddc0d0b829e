"""How a stream's frames find their places in a device's: by counting, where the clock is one, else by resampling.

In all of them the device asks for the frame at position p `delay` frames after T(p), the time at which p's block
arrived by the stream's time base.
"""

from typing import Final, Protocol

from stemd.audio import Float32Array
from stemd.devices.ports import Duplex, Playback
from stemd.devices.rings import TimelineRing
from stemd.dsp.clock import ClockFilter
from stemd.dsp.drift import DriftBridge
from stemd.dsp.limiter import Limiter, count_clipped
from stemd.service.timebase import TimeBase

_SETTLE_SECONDS: Final = 1.0  # of callbacks from either device, before their counters are compared
_ASTRAY_SECONDS: Final = 0.02  # a delay that is off by more is put right, with a click


class Line(Protocol):
    """From stream positions to a device's ring.

    Attributes:
        resyncs: how often the delay was lost, since a device had lost frames, and was put right.
        error: of the delay, in seconds, as far as the clocks tell; positive when frames play too late.
    """

    resyncs: int
    error: float

    def note_source(self, position: int, ns: int) -> None:
        """The capturing device's callback came at `ns` and completed the frames before `position`."""

    def play(self, position: int, samples: Float32Array) -> None:
        """Take frames (channels, n), which follow those of the last call."""


class Ending:
    """The last thing before a device's ring: a limiter, or else a count of what will be clipped.

    Attributes:
        clipped: frames over full scale that went to the device.
        limited: frames that the limiter turned down.
    """

    def __init__(self, limiter: Limiter | None) -> None:
        self._limiter = limiter
        self.clipped = 0

    @property
    def limited(self) -> int:
        """See the class."""
        return self._limiter.limited if self._limiter else 0

    def write(self, ring: TimelineRing, position: int, samples: Float32Array) -> None:
        """Put frames (channels, n) at their places in a ring, those that a limiter holds back with the next call."""
        if self._limiter:
            samples = self._limiter.push(samples)
            position -= self._limiter.delay
        else:
            self.clipped += count_clipped(samples)
        ring.write(position, samples)


class DuplexLine:
    """One device, one callback: output frame n is input frame n - delay, to the bit, by construction."""

    def __init__(self, port: Duplex, delay: int, ending: Ending) -> None:
        self.resyncs = 0
        self.error = 0.0
        self._ending = ending
        self._ring, self._port, self._delay = port.playing, port, delay
        self._offset: int | None = None

    def follow(self, offset: int) -> None:
        """The stream's position of the device's frame 0 is known."""
        if self._offset is None:
            self._offset = offset
            self._port.follow(self._delay)

    def note_source(self, position: int, ns: int) -> None:
        """See Line: nothing to be learnt."""

    def play(self, position: int, samples: Float32Array) -> None:
        """See Line."""
        if self._offset is not None:
            self._ending.write(self._ring, position - self._offset, samples)


class CountingLine:
    """Two devices on one clock: once their counters have been compared, frames are counted and not touched.

    Args:
        port: the playing device, at the stream's rate.
        delay: frames; see the module.
        source: the stream's.
        ending: before the device.
    """

    def __init__(self, port: Playback, delay: int, source: TimeBase, ending: Ending) -> None:
        self.resyncs = 0
        self._ending = ending
        self.error = 0.0
        self._port, self._delay, self._source = port, delay, source
        self._target = ClockFilter(port.rate)
        self._shift: int | None = None  # stream position less device frame

    def note_source(self, position: int, ns: int) -> None:
        """See Line: who owns the clock notes it."""

    def play(self, position: int, samples: Float32Array) -> None:
        """See Line."""
        frames, called_ns = self._port.clock
        if not frames:
            return
        self._target.note(frames, called_ns)
        # The first frames are there before the ring has a cursor, so that none lacks when it gets one.
        self._ending.write(self._port.playing, position, samples)
        if self._target.span >= _SETTLE_SECONDS:
            self._align()

    def _align(self) -> None:
        shift = self._wanted()
        self.error = (shift - self._shift) / self._port.rate if self._shift is not None else 0.0
        if self._shift is None or abs(self.error) > _ASTRAY_SECONDS:
            self.resyncs += self._shift is not None
            self._shift = shift
            self._port.follow(shift)

    def _wanted(self) -> int:
        """The shift at which the next frame that the device asks for has the delay."""
        frame = self._port.frames
        asked_ns = self._target.at(frame) - self._delay * 1_000_000_000 // self._port.rate
        return round(self._source.position_at(asked_ns)) - frame


class BridgedLine:
    """Two devices on two clocks: resampled by a ratio that follows their drift (see `stemd.dsp.drift`).

    Args:
        port: the playing device.
        bridge: from the stream's rate to the device's.
        delay: in seconds; see the module.
        block: frames of the source's blocks.
        source: the stream's.
        ending: before the device.
    """

    def __init__(self, port: Playback, bridge: DriftBridge, delay: float, block: int, source: TimeBase, ending: Ending):
        self.resyncs = 0
        self.error = 0.0
        self._ending = ending
        self._delay, self._block, self._source = delay, block, source
        self._port, self.bridge = port, bridge
        self._was_locked = False

    def note_source(self, position: int, ns: int) -> None:
        """See Line."""
        source = self.bridge.source
        self.bridge.note_source(position, ns)
        if not self.bridge.locked and source.span:
            # The bridge counts from a frame's capture, and by the earliest callbacks; the stream from the arrival of
            # the frame's block, and by the usual ones.
            later = self._source.at(position - self._block) - source.at(position - self._block)
            self.bridge.set_delay(self._delay + later / 1e9)

    def play(self, position: int, samples: Float32Array) -> None:  # noqa: ARG002 - the bridge counts by itself
        """See Line."""
        frames, called_ns = self._port.clock
        if not frames:
            return
        self.bridge.note_target(frames, called_ns)
        out = self.bridge.push(samples)
        self.error = self.bridge.delay_error
        self.resyncs += self._was_locked and not self.bridge.locked
        if self.bridge.locked and not self._was_locked:
            self._port.follow(0)
        self._was_locked = self.bridge.locked
        if out.shape[1]:
            self._ending.write(self._port.playing, self.bridge.next_frame - out.shape[1], out)
