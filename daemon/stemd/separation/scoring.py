"""How well a stem was separated."""

import math

import numpy as np

from stemd.audio import Float32Array


def sdr(reference: Float32Array, estimate: Float32Array) -> float:
    """Signal-to-distortion ratio of a whole recording, in dB; both (channels, frames).

    The energy of the reference over that of the difference (the SDR of the Music Demixing Challenges, Mitsufuji et
    al., 2021); -inf for a silent reference.
    """
    signal = float(np.sum(np.square(reference, dtype=np.float64)))
    noise = float(np.sum(np.square(reference.astype(np.float64) - estimate)))
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf
