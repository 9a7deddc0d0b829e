"""A sung voice: glottal pulses and noise through a vocal tract that moves from phone to phone.

G. Fant's source and filter ("Acoustic Theory of Speech Production", 1960). Everything that the singer moves is a
track on one grid of 5 ms steps; pulses and noise are cut into Hann windows on that grid, and each window is filtered
by the tract of its moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.signal

from stemd.audio import Float32Array

from .phones import CONSONANTS, VOWELS, Target
from .score import SungNote

STEP = 0.005  # seconds between points of a track
OVERSAMPLING = 4  # the pulse has a corner at closure: made at this multiple of the rate, then decimated

OPENING, CLOSING = 0.40, 0.16  # of a period
BANDWIDTHS = (90.0, 110.0, 160.0)  # Hz, of the first three formants
# Resonances of a uniform tube of 14.5 cm, closed at the glottis: odd multiples of c/4L. They hardly move in speech.
UPPER_FORMANTS = tuple(600.0 * (2 * k - 1) for k in range(4, 10))
UPPER_BANDWIDTH = 0.06  # of the formant's frequency


@dataclass(frozen=True, slots=True)
class Tracks:
    """What the singer does, one value per step; `formants` and `hiss_band` are (3 or 2, steps), in Hz."""

    pitch: Float32Array  # MIDI
    effort: Float32Array  # amplitude of the note
    voice: Float32Array
    breath: Float32Array
    hiss: Float32Array
    formants: Float32Array
    hiss_band: Float32Array


def sing(notes: Sequence[SungNote], rate: int, frames: int, rng: np.random.Generator) -> Float32Array:
    """The notes as sung, (frames,), dry."""
    hop = round(STEP * rate)
    tracks = _tracks(notes, -(-frames // hop) + 2, rng)
    pulses, opening = _glottis(tracks.pitch, hop, rate, rng)
    noise = rng.standard_normal(pulses.size).astype(np.float32)
    # Air hisses while the glottis is open, hence noise in the rhythm of the pulses.
    return _through_tract(pulses, noise * (0.1 + opening), noise, tracks, hop, rate)[:frames]
