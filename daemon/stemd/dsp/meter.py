"""A peak meter as IEC 60268-18 has it: it rises at once, and falls by 20 dB in 1.7 s."""

from typing import Final

from stemd.audio import Float32Array
from stemd.dsp.levels import decibels

FALL_DB_PER_SECOND: Final = 20.0 / 1.7


class PeakMeter:
    """The peak of all channels, linear, full scale at 1. Whoever looks, and however often, sees the same.

    The fall is counted from the end of a block, so that blocks tell it to within the fall in one of them.

    Args:
        rate: frames a second.
    """

    def __init__(self, rate: int) -> None:
        self.peak = 0.0
        self._fall = 10 ** (-FALL_DB_PER_SECOND / 20 / rate)

    def push(self, samples: Float32Array) -> None:
        """Take the next frames (channels, n)."""
        if samples.size:
            fallen = self.peak * self._fall ** samples.shape[1]
            self.peak = max(fallen, float(samples.max()), -float(samples.min()))

    @property
    def level(self) -> float:
        """dBFS, not below -120."""
        return decibels(self.peak)
