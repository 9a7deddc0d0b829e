"""A look-ahead limiter for playback: nothing above the ceiling leaves it, and what was below passes to the bit.

The attenuation that each frame needs is held over the look-ahead (a sliding maximum), let go at a constant rate in
decibels (a running maximum in the log domain), and turned into a gain that two moving averages smooth. Together these
are as long as the look-ahead, so the gain is down when the peak comes out. After G. Luff, "Designing a straightforward
limiter" (Signalsmith Audio, 2022), whose filters are peak hold, release and stacked boxes. With windows of v and w
frames and a lowest gain of g, no second difference of the gain exceeds 2 (1 - g) / (v w).

Gains are integers between the steps, so every sum is exact: block sizes cannot change a sample, and a gain of one is
one again after any number of peaks.
"""

import numpy as np
import numpy.typing as npt

from stemd.audio import Float32Array

_Int64Array = npt.NDArray[np.int64]

_NEPER = 2**40  # steps of the attenuation
_UNITY = 2**32  # steps of the gain
_ROUNDING = 2.0**-22  # two roundings to float32 must not lift a peak above the ceiling


def count_clipped(samples: Float32Array) -> int:
    """How many frames of `samples` (channels, frames) have a channel beyond full scale (above 1 in magnitude)."""
    return int(np.count_nonzero(np.any(np.abs(samples) > 1.0, axis=0)))


class Limiter:
    """Samples (channels, n) in, as many out, `delay` frames later, none above `ceiling` in magnitude.

    All channels get the same gain, so the image stays where it is.

    Args:
        rate: frames per second.
        channels: of the samples pushed.
        ceiling: the highest magnitude that may leave, linear; 0.989 is -0.1 dBFS.
        lookahead_seconds: the length of the attack, and so the delay.
        release_seconds: the time in which the gain grows by a factor of e (8.7 dB) once the peak is over.

    Attributes:
        delay: frames by which the output trails the input, exactly.
        reduction: the lowest gain of the last push, linear; 1 where nothing was limited.
        limited: frames that left with a gain below 1, in all.

    Raises:
        ValueError: a ceiling or a release that is not positive, or a negative look-ahead.
    """

    def __init__(
        self,
        rate: int,
        channels: int,
        ceiling: float = 0.989,
        lookahead_seconds: float = 0.0015,
        release_seconds: float = 0.08,
    ) -> None:
        if not (ceiling > 0 and release_seconds > 0 and lookahead_seconds >= 0):
            raise ValueError("a limiter's ceiling and release must be positive, its look-ahead not negative")
        # Rounded down: the ceiling holds as it was written, not as float32 has it.
        self.ceiling = np.nextafter(np.float32(ceiling), np.float32(0))
        self.delay = round(rate * lookahead_seconds)
        self.reduction = 1.0
        self.limited = 0
        self._fall = round(_NEPER / (rate * release_seconds))
        self._windows = (self.delay // 2 + 1, self.delay - self.delay // 2 + 1)
        self._last = 0  # attenuation of the last frame
        self._held = np.zeros((channels, self.delay), np.float32)
        self._needed = np.zeros(self.delay, np.int64)
        first, second = self._windows
        self._histories = [np.full(first - 1, _UNITY, np.int64), np.full(second - 1, first * _UNITY, np.int64)]
        self._quiet = self.delay + 1  # frames in a row that needed nothing, up to now

    def push(self, samples: Float32Array) -> Float32Array:
        """Take finite samples (channels, n); give n frames, those of `delay` frames ago."""
        frames = samples.shape[1]
        line = np.concatenate([self._held, samples], axis=1)
        self._held, out = line[:, frames:].copy(), line[:, :frames]
        self.reduction = 1.0
        if frames == 0:
            return out
        peaks = np.abs(samples).max(axis=0)
        loud = bool(peaks.max() > self.ceiling)
        if not loud and self._at_rest:
            return out
        self._quiet = 0 if loud else self._quiet + frames
        gains = self._gains(peaks)
        self.reduction = float(gains.min())
        self.limited += int(np.count_nonzero(gains < 1.0))
        return out * gains.astype(np.float32)

    @property
    def _at_rest(self) -> bool:
        # Nothing is being let go, and no filter remembers a gain below one.
        return self._last == 0 and self._quiet > 2 * self.delay

    def _gains(self, peaks: Float32Array) -> npt.NDArray[np.float64]:
        """The gains (n,) of the frames that leave while `peaks` (n,) come in."""
        needed = np.concatenate([self._needed, self._attenuations(peaks)])
        self._needed = needed[peaks.size :]
        steps = self._release(_sliding_max(needed, self.delay + 1))
        gains: _Int64Array = (np.exp(steps * (-1.0 / _NEPER)) * _UNITY).astype(np.int64)
        for index, window in enumerate(self._windows):
            line = np.concatenate([self._histories[index], gains])
            self._histories[index] = line[gains.size :]
            gains = _sliding_sum(line, window)
        return gains / (_UNITY * self._windows[0] * self._windows[1])

    def _attenuations(self, peaks: Float32Array) -> _Int64Array:
        """What each frame needs, in steps of 1/_NEPER neper; 0 up to the ceiling."""
        out = np.zeros(peaks.size, np.int64)
        over = np.flatnonzero(peaks > self.ceiling)
        if over.size:
            limit = float(self.ceiling) * (1 - _ROUNDING)
            out[over] = np.log(peaks[over].astype(np.float64) / limit) * _NEPER
        return out

    def _release(self, held: _Int64Array) -> _Int64Array:
        """`s[n] = max(held[n], s[n-1] - fall)`, as a running maximum of `held[n] + n * fall`."""
        fallen = np.arange(1, held.size + 1) * self._fall
        held = held + fallen
        held[0] = max(held[0], self._last)
        steps: _Int64Array = np.maximum.accumulate(held) - fallen
        self._last = int(steps[-1])
        return steps


def _sliding_max(values: _Int64Array, window: int) -> _Int64Array:
    """The maxima of all runs of `window` values, by doubling."""
    width = 1
    while 2 * width <= window:
        values = np.maximum(values[:-width], values[width:])
        width *= 2
    if rest := window - width:
        values = np.maximum(values[:-rest], values[rest:])
    return values


def _sliding_sum(values: _Int64Array, window: int) -> _Int64Array:
    """The sums of all runs of `window` values; exact, also where the running sum wraps around."""
    sums = np.concatenate([[0], np.cumsum(values)])
    out: _Int64Array = sums[window:] - sums[:-window]
    return out
