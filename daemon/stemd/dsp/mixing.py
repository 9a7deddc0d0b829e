"""Stems that are not a network's: derived from the untouched mixture and the estimates, at the stream's own rate."""

from collections.abc import Mapping, Sequence

import numpy as np

from stemd.audio import Float32Array, Int16Array

RAMP_SECONDS = 0.010


def residual(mixture: Float32Array, stems: Sequence[Float32Array]) -> Float32Array:
    """`mixture - sum(stems)`, all (channels, frames).

    For one stem v, `|(v + residual) - mixture| <= 2**-23 * max(|v|, |mixture|)`: one rounding of a difference.
    """
    rest = mixture
    for stem in stems:
        rest = rest - stem
    return rest


def residual_int16(mixture: Int16Array, stems: Sequence[Int16Array]) -> tuple[Int16Array, int]:
    """The same in integers, exact, saturating; also how many samples saturated."""
    rest = mixture.astype(np.int32)
    for stem in stems:
        rest -= stem
    clipped = np.clip(rest, -32_768, 32_767)
    return clipped.astype(np.int16), int(np.count_nonzero(clipped != rest))


class GainRamp:
    """One linear gain whose changes take `ramp` frames, at positions that are known beforehand."""

    def __init__(self, ramp: int, value: float = 1.0) -> None:
        self.ramp = ramp
        self._from = self._to = value
        self._start = 0

    @property
    def target(self) -> float:
        """The gain once the ramp is over."""
        return self._to

    def set(self, position: int, value: float) -> None:
        """Begin to move to `value` at `position`, from wherever the gain is in the frame before.

        So a gain that is set many times for one position moves no further there than one that is set once.
        """
        self._from = float(self.at(position - 1, 1)[0])
        self._to, self._start = value, position

    def at(self, position: int, frames: int) -> Float32Array:
        """The gain of each of the frames `[position, position + frames)`."""
        done = (np.arange(position, position + frames) - self._start + 1) / self.ramp
        gains = self._from + (self._to - self._from) * np.clip(done, 0.0, 1.0)
        return gains.astype(np.float32)


def mix(mixture: Float32Array, stems: Mapping[str, Float32Array], gains: Mapping[str, Float32Array]) -> Float32Array:
    """`rest * gain + sum(stem * gain)`, all (channels, frames); in frames at unity it is the mixture itself.

    `gains` has (frames,) for every stem and for `rest`, the residual.
    """
    unity = np.all([gain == 1.0 for gain in gains.values()], axis=0)
    if unity.all():
        return mixture
    out: Float32Array = residual(mixture, list(stems.values())) * gains["rest"]
    for name, stem in stems.items():
        out = out + stem * gains[name]
    # Frame by frame, lest it depend on where blocks end.
    return np.where(unity, mixture, out)
