"""Finding a known sound in a recording: the frame at which it begins, and how loud it is.

The sound is a chirp: it has the most energy for its peak, so it stands out of noise at low levels; its correlation is
one narrow peak, whatever the level and the polarity; a clock that is off by 100 ppm moves it by less than a frame; and
it survives what clicks do not: transformers and coupling capacitors, resamplers, limiters, and noise on the line. It
is found by normalised cross-correlation, so that a loud noise is not taken for it. (A. Farina, "Simultaneous
measurement of impulse response and distortion with a swept-sine technique", AES 108, 2000, has the wider use.)
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.signal import correlate, windows

from stemd.audio import Float32Array

Float64Array = npt.NDArray[np.float64]

SECONDS: Final = 0.05
THRESHOLD: Final = 0.3  # of the correlation; in white noise, 0.1 is not exceeded in minutes

_LOWEST: Final = 300.0  # Hz
_HIGHEST: Final = 0.35  # of the rate
_FADED: Final = 0.2  # of the length, so that it begins and ends without a click


@dataclass(frozen=True, slots=True)
class Found:
    """Where a chirp begins, how alike it is (0 to 1), and the gain that it went through, negative if inverted."""

    position: int
    likeness: float
    gain: float


def chirp(rate: int, amplitude: float = 1.0) -> Float32Array:
    """50 ms from 300 Hz to 0.35 of the rate, (frames,)."""
    seconds = np.arange(round(SECONDS * rate)) / rate
    climb = (_HIGHEST * rate - _LOWEST) / SECONDS
    phase = 2 * np.pi * (_LOWEST + climb * seconds / 2) * seconds
    sound: Float32Array = (amplitude * windows.tukey(seconds.size, _FADED) * np.sin(phase)).astype(np.float32)
    return sound


def find(recording: Float32Array, sound: Float32Array) -> Found | None:
    """The place in a recording (channels, frames) that is most like the sound (n,); None where nothing is.

    The channel in which it is plainest counts: a cable may carry one alone.
    """
    best = max((_best(channel, sound) for channel in recording), key=lambda found: found.likeness, default=None)
    return best if best and best.likeness >= THRESHOLD else None


def _best(channel: Float32Array, sound: Float32Array) -> Found:
    if channel.size < sound.size:
        return Found(0, 0.0, 0.0)
    samples, wanted = channel.astype(np.float64), sound.astype(np.float64)
    products: Float64Array = correlate(samples, wanted, "valid", "fft")
    sums = np.concatenate([[0.0], np.cumsum(samples**2)])
    energies = np.maximum(sums[wanted.size :] - sums[: -wanted.size], 0.0)
    energy = float(wanted @ wanted)
    # Near silence the rounding of a transform would look like anything; 1e-9 is -90 dB below the loudest.
    floor = 1e-9 * max(float(energies.max()), 1e-12)
    likeness = np.abs(products) / np.sqrt(energy * np.maximum(energies, floor))
    position = int(likeness.argmax())
    return Found(position, min(1.0, float(likeness[position])), float(products[position]) / energy)
