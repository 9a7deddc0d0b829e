"""A sung voice: glottal pulses and noise through a vocal tract that moves from phone to phone.

Source and filter after G. Fant, "Acoustic Theory of Speech Production" (1960). The sources are cut into Hann windows
two steps of the singer's grid long, and each window is filtered by the tract of its moment.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage
import scipy.signal

from stemd.audio import Complex64Array, Float32Array

from .articulation import Grid, Tracks, perform
from .score import SungNote

Float64Array = npt.NDArray[np.float64]

STEP = 0.005  # seconds, about
OVERSAMPLING = 4  # the pulse has a corner at closure: made at this multiple of the rate, then decimated
OPENING, CLOSING = 0.40, 0.16  # of a period
BREATHINESS = 0.03  # noise at the glottis beside pulses of the same amplitude
BANDWIDTHS = (80.0, 100.0, 140.0)  # Hz, of the first three formants
# Resonances of a uniform tube of 14.5 cm, closed at the glottis: odd multiples of c/4L. Speech hardly moves them.
UPPER_FORMANTS = tuple(600.0 * (2 * k - 1) for k in range(4, 10))
UPPER_BANDWIDTH = 0.06  # of the formant's frequency
RINGING = 0.03  # seconds after which a resonance of 80 Hz bandwidth has lost 65 dB
COMPRESSION = 0.5  # of the level in dB is left; without, a harmonic on a formant sticks out


def sing(notes: Sequence[SungNote], rate: int, frames: int, rng: np.random.Generator) -> Float32Array:
    """The notes as sung: mono (frames,), dry, at no particular level."""
    hop = round(STEP * rate)
    tracks = perform(notes, Grid(hop / rate, -(-frames // hop) + 1), rng)
    pulses, flow = _glottis(tracks.pitch, hop, rate)
    noise = rng.standard_normal(pulses.size).astype(np.float32)
    # Air hisses while the glottis is open, hence noise in the rhythm of the pulses.
    breath = BREATHINESS * noise * (0.2 + flow)
    size = scipy.fft.next_fast_len(2 * hop + round(RINGING * rate), real=True)
    frequencies = scipy.fft.rfftfreq(size, 1 / rate).astype(np.float32)
    spectra = _spectra(pulses, tracks.voice, hop, size) + _spectra(breath, tracks.breath, hop, size)
    spectra *= _tract(tracks.formants, frequencies)
    spectra += _spectra(noise, tracks.hiss, hop, size) * _constriction(tracks, frequencies)
    return _compressed(_overlap_add(scipy.fft.irfft(spectra, size, axis=1), hop)[:frames], rate)


def _glottis(pitch: Float32Array, hop: int, rate: int) -> tuple[Float32Array, Float32Array]:
    """The change of the flow through the glottis, and the flow itself: each (points * hop,).

    Pulse C of A. E. Rosenberg, "Effect of glottal pulse shape on the quality of natural vowels", JASA 49 (1971).
    """
    hertz = 440.0 * 2.0 ** ((pitch.astype(np.float64) - 69.0) / 12.0)
    points = np.arange(pitch.size * hop * OVERSAMPLING) / (hop * OVERSAMPLING)
    # In float64: the phase runs through thousands of periods.
    phase = np.cumsum(np.interp(points, np.arange(pitch.size), hertz)) / (rate * OVERSAMPLING) % 1.0
    opening = np.pi * phase / OPENING
    closing = np.pi / 2 * (phase - OPENING) / CLOSING
    parts = [phase < OPENING, phase < OPENING + CLOSING]
    flow = np.select(parts, [0.5 - 0.5 * np.cos(opening), np.cos(closing)])
    change = np.select(parts, [CLOSING / OPENING * np.sin(opening), -np.sin(closing)])
    pulses = scipy.signal.resample_poly(change.astype(np.float32), 1, OVERSAMPLING)
    return pulses.astype(np.float32), flow[::OVERSAMPLING].astype(np.float32)


def _spectra(source: Float32Array, amplitude: Float32Array, hop: int, size: int) -> Complex64Array:
    """Spectra (points, bins) of the source's windows, each at its amplitude, zero-padded to let the tract ring."""
    window = scipy.signal.windows.hann(2 * hop, sym=False).astype(np.float32)
    pieces = np.lib.stride_tricks.sliding_window_view(np.pad(source, hop), 2 * hop)[::hop]
    return scipy.fft.rfft(pieces[: amplitude.size] * (window * amplitude[:, None]), size, axis=1).astype(np.complex64)


def _tract(formants: Float32Array, frequencies: Float32Array) -> Complex64Array:
    """The response (points, bins) of resonances in a row, each of gain 1 at 0 Hz."""
    response = np.ones((1, frequencies.size), np.complex64)
    for formant in UPPER_FORMANTS:
        response = response * _resonance(np.full((1, 1), formant, np.float32), UPPER_BANDWIDTH * formant, frequencies)
    for centres, bandwidth in zip(formants, BANDWIDTHS, strict=True):
        response = response * _resonance(centres[:, None], bandwidth, frequencies)
    return response


def _resonance(centres: Float32Array, bandwidth: float, frequencies: Float32Array) -> Complex64Array:
    """The response (points, bins) of one pair of poles at `centres` (points, 1)."""
    natural = centres**2 + np.float32(bandwidth / 2) ** 2
    return (natural / (natural - frequencies**2 + np.complex64(1j * bandwidth) * frequencies)).astype(np.complex64)


def _constriction(tracks: Tracks, frequencies: Float32Array) -> Float32Array:
    """The response (points, bins) of a narrow place near the lips: one broad peak."""
    distance = (frequencies - tracks.hiss_centre[:, None]) / tracks.hiss_width[:, None]
    return (1 / (1 + distance**4)).astype(np.float32)


def _overlap_add(pieces: Float32Array, hop: int) -> Float32Array:
    """The pieces (points, size), each a hop after the one before, summed; begins at the second one's start."""
    points, size = pieces.shape
    blocks = -(-size // hop)
    columns = np.pad(pieces, ((0, 0), (0, blocks * hop - size))).reshape(points, blocks, hop)
    out = np.zeros((points + blocks, hop), np.float32)
    for block in range(blocks):
        out[block : block + points] += columns[:, block]
    return out.reshape(-1)[hop:]


def _compressed(voice: Float32Array, rate: int) -> Float32Array:
    """The voice with the swings of its level reduced, as on any record; what is 20 dB down is not raised further."""
    power = scipy.ndimage.uniform_filter1d(np.square(voice, dtype=np.float64), round(0.06 * rate))
    gains: Float64Array = np.maximum(power, 0.01 * power.max()) ** ((COMPRESSION - 1) / 2)
    return (voice * gains).astype(np.float32)
