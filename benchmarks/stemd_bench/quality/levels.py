"""Quiet music: how far the level and the sound of the stems depend on how loud the mixture is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from stemd.audio import Float32Array, Format
from stemd.dsp.levels import decibels, rms
from stemd.separation.scoring import sdr

LEVELS: Final = (-20.0, -60.0, -80.0)  # dBFS, RMS of the mixture

Separated = Callable[[Float32Array, Format], Float32Array]
"""A stem (channels, frames) of a mixture of that shape, which is sent in a format."""


@dataclass(frozen=True, slots=True, eq=False)
class Loudness:
    """One recording at several levels, against the same as it is.

    Attributes:
        mixture: (channels, frames), not silent.
        separated: what gives the stem.
        reference: the stem of the mixture as it is.
    """

    mixture: Float32Array
    separated: Separated
    reference: Float32Array

    @property
    def level(self) -> float:
        """Of the mixture as it is, RMS in dBFS."""
        return decibels(rms(self.mixture))

    def figures(self, level: float, sent: Format) -> dict[str, float]:
        """The stem at another level, scaled back: how much too loud it is (negative: too quiet), and its SDR.

        Args:
            level: of the mixture, RMS in dBFS.
            sent: the format in which it goes.
        """
        gain = np.float32(10 ** (level / 20) / rms(self.mixture))
        back = self.separated(self.mixture * gain, sent) / gain
        return {
            "level_error": decibels(rms(back)) - decibels(rms(self.reference)),
            "level_sdr": sdr(self.reference, back),
        }
