"""Playback on a device whose clock is not the source's: resampled by a ratio that follows, at a delay that stays.

The arrangement is that of F. Adriaensen's zita-ajbridge ("Controlling adaptive resampling", LAC 2012): both clocks are
filtered by themselves, the delay is computed from them and from the resampler's own position, and only this drives the
ratio. A rate that is wrong by x ppm and may change by s ppm/s is right again after x/s seconds, and has shifted the
delay by x**2 / (2 s) microseconds by then. With 5 ppm/s and 1 ms, x is at most sqrt(2 * 5 * 1000) = 100 ppm: whoever
starts farther off cannot keep 1 ms. So the drift is measured before the first frame plays (`DriftControl.lock`).
"""

import math
from functools import cache
from typing import Final

import numpy as np
import samplerate

from stemd.audio import Float32Array
from stemd.dsp.clock import ClockFilter

MAX_PPM: Final = 1_000.0
MAX_SLEW: Final = 5.0  # ppm per second

_CONVERTER: Final = "sinc_medium"
_SLEW: Final = 0.98 * MAX_SLEW
_BRAKING: Final = 0.7  # of the slew, so that a late brake is still in time
_CLOSING_SECONDS: Final = 6.0  # in which a small error falls by e
_LOST_SECONDS: Final = 0.05  # an error that would take minutes: begin anew


class DriftControl:
    """From the error of the delay to the correction of the rate, never by more than `MAX_SLEW`.

    The correction is the drift plus what closes the error: in proportion to a small one, along the parabola that brakes
    just in time for a large one (proximate time-optimal control: M. L. Workman, Stanford 1987). So it comes to rest
    without a swing.

    Attributes:
        ppm: how much faster than nominal the source is read.
    """

    def __init__(self) -> None:
        self.ppm = 0.0

    def lock(self, ppm: float) -> None:
        """Begin at a measured drift, at once. Only before the first frame plays: this is not slewed."""
        self.ppm = _bounded(ppm)

    def update(self, error: float, elapsed: float, drift: float) -> float:
        """The correction for the frames to come, in ppm.

        Args:
            error: of the delay, in seconds; positive when frames play too late.
            elapsed: seconds since the last call.
            drift: the best estimate, in ppm, of the correction that keeps the delay.
        """
        step = _bounded(drift + _closing(error)) - self.ppm
        most = _SLEW * elapsed
        self.ppm += min(max(step, -most), most)
        return self.ppm


def _closing(error: float) -> float:
    # Microseconds and ppm: their ratio is seconds. Value and slope meet at the end of the linear part.
    size, braking = 1e6 * abs(error), _BRAKING * _SLEW
    if size <= braking * _CLOSING_SECONDS**2 / 2:
        return 1e6 * error / _CLOSING_SECONDS
    return math.copysign(math.sqrt(2 * braking * size) - braking * _CLOSING_SECONDS / 2, error)


def _bounded(ppm: float) -> float:
    return min(max(ppm, -MAX_PPM), MAX_PPM)


class DriftResampler:
    """Samples (channels, n) at `source_rate` in, at nearly `target_rate` out; it knows which source frame is next.

    libsamplerate would move the ratio within a call, and would remember the last one that it reached instead of the one
    wanted. So every call is given one ratio (`set_ratio`) and the position is the sum of the steps, exactly. The
    Python binding makes room for `ceil(n * ratio)` frames a call and forgets input that does not fit: where the
    kernel's length in source frames changes with the ratio, one frame may wait, so calls have room for two at least.

    Args:
        source_rate: nominal frames per second in.
        target_rate: nominal frames per second out.
        channels: of the samples.
        start: the position of the first frame pushed, which is also that of the first frame given.

    Attributes:
        held_back: the most frames at `target_rate` by which the output may trail the input.
    """

    def __init__(self, source_rate: int, target_rate: int, channels: int, start: int = 0) -> None:
        self.channels = channels
        self._nominal = source_rate / target_rate
        self._smallest = math.ceil(2 * self._nominal * (1 + MAX_PPM * 1e-6)) + 1
        self._waiting = np.zeros((channels, 0), np.float32)
        self._whole, self._fraction = start, 0.0
        self._converter = samplerate.Resampler(_CONVERTER, channels=channels)
        self.held_back = _held_back(self._nominal) + math.ceil(self._smallest / self._nominal)

    @property
    def position(self) -> float:
        """Where in the source the next frame given lies, in source frames since the stream's start."""
        return self._whole + self._fraction

    def push(self, samples: Float32Array, ppm: float) -> Float32Array:
        """Take samples (channels, n); give the frames that are final, `1 + ppm * 1e-6` nominal steps apart.

        The first of them lies at `position` as it was before the call.
        """
        self._waiting = np.concatenate([self._waiting, samples], axis=1)
        if self._waiting.shape[1] < self._smallest:
            return np.zeros((self.channels, 0), np.float32)
        step = self._nominal * (1 + ppm * 1e-6)
        interleaved = np.ascontiguousarray(self._waiting.T)
        self._waiting = self._waiting[:, :0]
        self._converter.set_ratio(1 / step)
        out = self._converter.process(interleaved, 1 / step, end_of_input=False).reshape(-1, self.channels)
        self._advance(out.shape[0] * step)
        return np.ascontiguousarray(out.T, np.float32)

    def _advance(self, frames: float) -> None:
        # The fraction apart, so that weeks cost no precision.
        whole = math.floor(self._fraction + frames)
        self._fraction += frames - whole
        self._whole += whole


@cache
def _held_back(step: float) -> int:
    probe = samplerate.Resampler(_CONVERTER, channels=1)
    frames = math.ceil(8_192 * max(1.0, step))
    given = len(probe.process(np.zeros((frames, 1), np.float32), 1 / step, end_of_input=False))
    return math.ceil(frames / step) - given + 2


class DriftBridge:
    """A stream, from position `start` on, played so that position p sounds `delay_seconds` after its capture.

    Both clocks are noted as callbacks come, from before the first push if possible. Until both are known (4 s, up to
    12 s where callbacks come very unevenly) nothing is given, and what is pushed is passed over. Then the frames that
    come out are consecutive frames of the device, the first of a push being `next_frame`, which jumps only when
    `locked` turns true. If a device jumps, or the delay is lost by more than 50 ms, the bridge unlocks and begins anew.

    `delay_seconds` must cover the stream's own latency, a block, and the resampler's `held_back`.

    Args:
        source_rate: nominal rate of the stream's positions.
        target_rate: nominal rate of the device.
        channels: of the samples.
        delay_seconds: D.
        start: the stream position of the first frame pushed.

    Attributes:
        locked: whether frames come out.
        next_frame: the device's frame at which the next sample given belongs.
        delay_error: of D, at the last push, in seconds; positive when frames play too late.
    """

    def __init__(
        self, source_rate: int, target_rate: int, channels: int, delay_seconds: float, *, start: int = 0
    ) -> None:
        self.source, self.target = ClockFilter(source_rate), ClockFilter(target_rate)
        self.channels = channels
        self.locked = False
        self.next_frame = 0
        self.delay_error = 0.0
        self._delay_ns = round(1e9 * delay_seconds)
        self._received = start
        self._control = DriftControl()
        self._resampler = DriftResampler(source_rate, target_rate, channels, start)
        self._jumps = 0

    @property
    def held_back(self) -> int:
        """The most of the device's frames by which the output trails what was pushed."""
        return self._resampler.held_back

    @property
    def position(self) -> float:
        """Where in the stream the sample for `next_frame` lies, in source frames."""
        return self._resampler.position if self.locked else float(self._received)

    @property
    def ppm(self) -> float:
        """How much faster than nominal the source is read."""
        return self._control.ppm

    @property
    def drift(self) -> float:
        """The drift measured, in ppm: the correction that keeps the delay."""
        nominal = self.source.rate / self.target.rate
        return 1e6 * (self.target.period / (self.source.period * nominal) - 1)

    def note_source(self, position: int, ns: int) -> None:
        """The source's callback came at `ns` and completed the stream's frames before `position`."""
        self.source.note(position, ns)

    def note_target(self, frames: int, ns: int) -> None:
        """The device's callback came at `ns` and asks for what follows the first `frames` frames."""
        self.target.note(frames, ns)

    def set_delay(self, seconds: float) -> None:
        """Change D. While frames come out, the ratio will have to make up for it."""
        self._delay_ns = round(1e9 * seconds)

    def push(self, samples: Float32Array) -> Float32Array:
        """Take samples (channels, n), consecutive ones; give those for the device's frames from `next_frame` on."""
        if not self._keep_lock():
            self._received += samples.shape[1]
            return np.zeros((self.channels, 0), np.float32)
        self._received += samples.shape[1]
        self.delay_error = self._measure()
        ppm = self._control.update(self.delay_error, samples.shape[1] / self.source.rate, self.drift)
        out = self._resampler.push(samples, ppm)
        self.next_frame += out.shape[1]
        return out

    def _measure(self) -> float:
        played, captured = self.target.at(self.next_frame), self.source.at(self.position)
        return (played - captured - self._delay_ns) / 1e9

    def _keep_lock(self) -> bool:
        jumps = self.source.jumps + self.target.jumps
        if self.locked and abs(self.delay_error) > _LOST_SECONDS:
            # The lines are bent by what happened, and would mislead the new start.
            self.source.forget()
            self.target.forget()
            self.locked = False
        elif jumps > self._jumps:
            self.locked = False
        if not self.locked and self.source.settled and self.target.settled:
            self._lock()
        self._jumps = jumps
        return self.locked

    def _lock(self) -> None:
        self.next_frame = math.ceil(self.target.frame_at(self.source.at(self._received) + self._delay_ns))
        self._resampler = DriftResampler(self.source.rate, self.target.rate, self.channels, self._received)
        self._control.lock(self.drift)
        self.delay_error = 0.0
        self.locked = True
