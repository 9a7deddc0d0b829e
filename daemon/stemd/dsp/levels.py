"""Levels in dBFS."""

import math

import numpy as np

from stemd.audio import Float32Array

SILENCE_DB = -120.0


def decibels(amplitude: float) -> float:
    """A linear amplitude in dBFS, not below -120."""
    return max(SILENCE_DB, 20 * math.log10(amplitude)) if amplitude > 0 else SILENCE_DB


def rms(samples: Float32Array) -> float:
    """Root mean square over all channels, linear; 0 for no samples."""
    return math.sqrt(float(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0
