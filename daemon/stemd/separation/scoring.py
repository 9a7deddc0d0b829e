"""How well a stem was separated."""

import math

import numpy as np
import numpy.typing as npt

from stemd.audio import Float32Array


def sdr(reference: Float32Array, estimate: Float32Array) -> float:
    """Signal-to-distortion ratio of a whole recording, in dB; both (channels, frames).

    The energy of the reference over that of the difference (the SDR of the Music Demixing Challenges, Mitsufuji et
    al., 2021); -inf for a silent reference.
    """
    true = reference.astype(np.float64)
    return _ratio(np.square(true), np.square(true - estimate))


def si_sdr(reference: Float32Array, estimate: Float32Array) -> float:
    """Scale-invariant SDR of a whole recording, in dB; both (channels, frames), one scale for all channels.

    As `sdr`, but against the multiple of the reference that is nearest to the estimate, so that a wrong level costs
    nothing (Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019); -inf where either is silent.
    """
    true = reference.astype(np.float64)
    energy = float(np.sum(np.square(true)))
    if energy == 0:
        return -math.inf
    target = true * (float(np.sum(true * estimate)) / energy)
    return _ratio(np.square(target), np.square(target - estimate))


def _ratio(signal: npt.NDArray[np.float64], noise: npt.NDArray[np.float64]) -> float:
    """Of two energies, in dB: -inf where there is no signal, then inf where there is no noise."""
    above, below = float(signal.sum()), float(noise.sum())
    if above == 0:
        return -math.inf
    return 10 * math.log10(above / below) if below else math.inf
