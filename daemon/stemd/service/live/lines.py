"""How a stream's frames find their places in a device's: by counting, where the clock is one, else by resampling.

In all of them the device asks for the frame at position p `delay` frames after T(p), the time at which p's block
arrived by the stream's time base. A callback asks for all its frames at once, so a frame counts as asked for when the
last one of a callback is: none is then ever asked for earlier, however long the device's callbacks are.
"""

from typing import Final, Protocol

from stemd.audio import Float32Array
from stemd.devices.ports import Duplex, Playback
from stemd.dsp.clock import ClockFilter
from stemd.dsp.drift import DriftBridge
from stemd.dsp.limiter import Limiter, count_clipped
from stemd.dsp.rings import TimelineRing
from stemd.protocol import Open
from stemd.service.timebase import TimeBase

_SETTLE_SECONDS: Final = 1.0  # of callbacks from either device, before their counters are compared
_STARTING_SECONDS: Final = 0.5  # of a device, in which it fills its buffers: callbacks come earlier than ever after
_ASTRAY_SECONDS: Final = 0.02  # a delay that is off by more is put right, with a click


class Line(Protocol):
    """From stream positions to a device's ring.

    Attributes:
        resyncs: how often the delay was lost, since a device had lost frames, and was put right.
        error: of the delay, in seconds, as far as the clocks tell; positive when frames play too late.
    """

    resyncs: int
    error: float

    def captured(self, position: int, ns: int, offset: int) -> None:
        """The capturing device completed the frames before `position` at `ns`; its frame 0 is at `offset`."""

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
    """One device, one callback: output frame n is input frame n less a constant, to the bit, by construction.

    Args:
        port: the device.
        delay: frames; see the module.
        block: frames of the stream's blocks.
        ending: before the device.
    """

    def __init__(self, port: Duplex, delay: int, block: int, ending: Ending) -> None:
        self._block = block
        self.resyncs = 0
        self.error = 0.0
        self._ending = ending
        self._ring, self._port, self._delay = port.playing, port, delay
        self._offset: int | None = None

    def captured(self, position: int, ns: int, offset: int) -> None:  # noqa: ARG002 - of the protocol
        """See Line: the one thing to be learnt is the offset, once."""
        if self._offset is None:
            self._offset = offset
            # Counted from a frame's capture, and not from when its block and the callback's last frame had come.
            self._port.follow(self._delay + self._block + self._port.block)

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

    def captured(self, position: int, ns: int, offset: int) -> None:
        """See Line: the stream's time base notes it."""

    def play(self, position: int, samples: Float32Array) -> None:
        """See Line."""
        frames, called_ns = self._port.clock
        if not frames:
            return
        if frames >= _STARTING_SECONDS * self._port.rate:
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
        channels: of the samples.
        delay: in frames; see the module.
        request: of the stream.
        source: the stream's.
        ending: before the device.

    Attributes:
        bridge: from the stream's rate to the device's; None until there is something to play.
    """

    def __init__(self, port: Playback, channels: int, delay: int, request: Open, source: TimeBase, ending: Ending):
        self.resyncs = 0
        self.error = 0.0
        self.bridge: DriftBridge | None = None
        self._ending, self._port, self._channels = ending, port, channels
        self._delay, self._rate, self._block, self._source = delay / request.rate, request.rate, request.block, source
        self._was_locked = False
        self._first: int | None = None  # the device's frame with which the ring's timeline begins

    def captured(self, position: int, ns: int, offset: int) -> None:  # noqa: ARG002 - of the protocol
        """See Line."""
        if self.bridge is None:
            return
        source = self.bridge.source
        self.bridge.note_source(position, ns)
        if not self.bridge.locked and source.span:
            # The bridge counts from a frame's capture, and by the earliest callbacks; the stream from the arrival of
            # the frame's block, and by the usual ones.
            later = self._source.at(position - self._block) - source.at(position - self._block)
            self.bridge.set_delay(self._delay + later / 1e9)

    def play(self, position: int, samples: Float32Array) -> None:
        """See Line."""
        frames, called_ns = self._port.clock
        if frames < _STARTING_SECONDS * self._port.rate:
            return
        if self.bridge is None:
            self.bridge = DriftBridge(self._rate, self._port.rate, self._channels, self._delay, start=position)
        bridge = self.bridge
        bridge.note_target(frames, called_ns)
        out = bridge.push(samples)
        self.error = bridge.delay_error
        self.resyncs += self._was_locked and not bridge.locked
        self._was_locked = bridge.locked
        if not out.shape[1]:
            return
        begin = bridge.next_frame - out.shape[1]
        if self._first is None:
            # Before its timeline begins, the ring is silent and counts no underrun.
            self._first = begin
            self._port.follow(-begin)
        self._ending.write(self._port.playing, begin - self._first, out)
