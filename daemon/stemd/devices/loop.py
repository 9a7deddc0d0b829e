"""Sounds played on one device and found on another: how long they take, by the clocks of both."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from stemd.audio import Float32Array
from stemd.devices.endpoints import Endpoint, same_clock
from stemd.devices.port import Latency
from stemd.devices.ports import Capture, Duplex, Playback
from stemd.dsp.chirps import Found, chirp, find
from stemd.dsp.clock import ClockFilter
from stemd.errors import DeviceError

_LEAD: Final = 0.15  # seconds between writing a chirp and its turn
_APART: Final = 0.4  # seconds between two chirps, but for the first
_ASTRAY: Final = 0.15  # seconds by which a chirp may come off the first one's time
_STARTING: Final = 0.5  # seconds in which a device fills its buffers: callbacks come earlier than ever after
_LOOK: Final = 0.01


@dataclass(frozen=True, slots=True)
class Heard:
    """One chirp: seconds from the device's asking for its first frame to that frame's having been captured."""

    seconds: float
    found: Found


@dataclass(slots=True)
class Loop:
    """Two open ports, and what was captured since they were.

    Attributes:
        recording: runs of frames, each with the position of its first.
        asked: the output's clock, by the last frame of each callback.
        came: the input's.
    """

    capture: Capture | Duplex
    playback: Playback | Duplex
    recording: list[tuple[int, Float32Array]] = field(default_factory=list)
    asked: ClockFilter = field(init=False)
    came: ClockFilter = field(init=False)

    def __post_init__(self) -> None:
        """Both clocks begin with the first look."""
        self.asked, self.came = ClockFilter(self.playback.rate), ClockFilter(self.capture.rate)

    @property
    def one(self) -> bool:
        """Whether both are one device, whose frames can be counted."""
        return self.capture is self.playback

    @property
    def xruns(self) -> int:
        """Callbacks before which a device lost frames."""
        return self.capture.xruns + (0 if self.one else self.playback.xruns)

    def look(self) -> None:
        """Take what was captured, and note the clocks.

        Raises:
            DeviceError: a device was lost.
        """
        for port, clock in ((self.capture, self.came), (self.playback, self.asked)):
            frames, called_ns = port.clock
            if frames >= _STARTING * port.rate:
                clock.note(frames, called_ns)
            if not port.alive(time.monotonic_ns()):
                raise DeviceError(f"lost {port}")
            if clock.jumps:
                raise DeviceError(f"{port} skipped while it was measured: try again, or with a longer --device-latency")
        position, samples = self.capture.captured.read()
        if samples.shape[1]:
            self.recording.append((position, samples))

    def wait(self, until: Callable[[], bool]) -> None:
        """Look until a condition holds.

        Raises:
            DeviceError: a device was lost.
        """
        while not until():
            time.sleep(_LOOK)
            self.look()

    def wait_for(self, captured: int) -> None:
        """Look until the input has captured so many frames."""
        self.wait(lambda: self.capture.frames >= captured)
        self.look()

    def between(self, start: int, stop: int) -> Float32Array:
        """What was captured at these positions (channels, frames); silence where nothing was."""
        out = np.zeros((self.capture.channels, max(0, stop - start)), np.float32)
        for position, samples in self.recording:
            first, last = max(start, position), min(stop, position + samples.shape[1])
            if first < last:
                out[:, first - start : last - start] = samples[:, first - position : last - position]
        return out

    def seconds(self, played: int, captured: int) -> float:
        """The time from the asking for a frame to the capture of another."""
        if self.one:
            return (captured - played) / self.capture.rate
        return (self.came.at(captured + 1) - self.asked.at(played + 1)) / 1e9

    def captured_at(self, played: int, seconds: float) -> int:
        """The input's frame that comes so long after a frame of the output was asked for."""
        if self.one:
            return played + round(seconds * self.capture.rate)
        return round(self.came.frame_at(self.asked.at(played) + round(1e9 * seconds)))


@contextmanager
def open_loop(source: Endpoint, sink: Endpoint, rate: int | None, latency: Latency) -> Iterator[Loop]:
    """Open an output and an input, in one stream where they are one device.

    Raises:
        DeviceError: one cannot be opened at this rate.
    """
    with ExitStack() as stack:
        if source.index == sink.index and source.pulse is None and same_clock(source, sink):
            duplex = Duplex(source, sink, rate, latency=latency)
            duplex.open()
            stack.callback(duplex.close)
            duplex.follow(0)
            yield Loop(duplex, duplex)
            return
        playback = Playback(sink, rate or sink.rate, latency=latency)
        capture = Capture(source, rate or sink.rate, latency=latency)
        for port in (playback, capture):
            port.open()
            stack.callback(port.close)
        playback.follow(0)
        yield Loop(capture, playback)


def play_and_find(loop: Loop, count: int, amplitude: float, patience: float) -> list[Heard]:
    """Play `count` chirps and find them; those that are not found lack.

    Args:
        loop: the open devices.
        count: how many.
        amplitude: linear.
        patience: seconds to wait for the first, which tells where the others are looked for.
    """
    sound = chirp(loop.playback.rate, amplitude)
    loop.wait(lambda: loop.asked.span >= 1.0 and loop.came.span >= 1.0)  # before it, nothing is known of the clocks
    first = _play(loop, sound)
    expected = _first(loop, first, sound, patience)
    if expected is None:
        return []
    played = [first]
    for _ in range(count - 1):
        played.append(_play(loop, sound))
        loop.wait(lambda: loop.playback.frames > played[-1] + _APART * loop.playback.rate)
    end = loop.captured_at(played[-1], expected + _ASTRAY) + sound.size
    loop.wait_for(end)
    return [heard for start in played if (heard := _heard(loop, start, sound, expected))]


def _play(loop: Loop, sound: Float32Array) -> int:
    port = loop.playback
    channels = port.output_channels if isinstance(port, Duplex) else port.channels
    position = port.frames + round(_LEAD * port.rate)
    port.playing.write(position, np.repeat(sound[None], channels, axis=0))
    return position


def _first(loop: Loop, played: int, sound: Float32Array, patience: float) -> float | None:
    """How long the first chirp takes; None where it is not heard in time."""
    looked = loop.captured_at(played, -_LEAD)
    end = loop.captured_at(played, patience) + sound.size
    while looked + sound.size < end:
        until = min(end, looked + 4 * sound.size)
        loop.wait_for(until)
        if found := find(loop.between(looked, until), sound):
            return loop.seconds(played, _whole(loop, looked + found.position, sound))
        looked = until - sound.size
    return None


def _whole(loop: Loop, position: int, sound: Float32Array) -> int:
    """A part of a chirp may look like it: where it is, once all of it is there."""
    start = position - sound.size
    loop.wait_for(start + 4 * sound.size)
    found = find(loop.between(start, start + 4 * sound.size), sound)
    return start + found.position if found else position


def _heard(loop: Loop, played: int, sound: Float32Array, expected: float) -> Heard | None:
    start = loop.captured_at(played, expected - _ASTRAY)
    stop = loop.captured_at(played, expected + _ASTRAY) + sound.size
    found = find(loop.between(start, stop), sound)
    return Heard(loop.seconds(played, start + found.position), found) if found else None
