"""HT-Demucs' STFT and its inverse as ONNX operators that every runtime has: no STFT, no DFT, no large tables.

A window of N = RQ samples is transformed in two matrix products (J. W. Cooley and J. W. Tukey, "An algorithm for the
machine calculation of complex Fourier series", Mathematics of Computation 19, 1965, 297-301). With n = Qr + q the
sample, k = s + Rp the bin and w(x) = exp(-2 pi i x),

    X[s + Rp] = sum over q of w(q(s + Rp) / N) * (sum over r of x[Qr + q] w(rs / R)).

The inner sum is one product for all q, the outer one a product for each s; only bins below N/2 are made. With N = 4096,
R = 128, Q = 32 both tables hold 1.2 MB and a window costs 1.3 million multiplications. The inverse takes the same steps
backwards. Windows, padding and scale are those of `stemd.dsp.spectra`.
"""

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stemd.separation.manifest import CHANNELS
from stemd_export.errors import ExportError
from stemd_export.graph import Graph

Array: TypeAlias = npt.NDArray[np.float64]

OVERLAP: Final = 4
# What the squares of the windows over a sample add up to. It holds throughout: demucs counts in the two STFT frames
# that it cuts off at either end, so that every sample that is kept lies under four.
_POWER: Final = 1.5


def spectrogram(g: Graph, mixture: str, frames: int, window: int = 4_096) -> str:
    """Demucs' `_spec`, real and imaginary part as channels.

    Args:
        g: the graph that it becomes part of.
        mixture: name of (1, 2, frames).
        frames: length of the segment.
        window: of the STFT, a power of two; the hop is a quarter of it.

    Returns:
        name of (1, 4, window / 2, ceil(frames / hop)).

    Raises:
        ExportError: the window is no power of two from 16 on.
    """
    r, q = _factors(window)
    hop = window // OVERLAP
    steps = math.ceil(frames / hop)
    with g.scope("stft"):
        x = _reflect(g, mixture, frames, hop, steps)
        x = g.reshape(x, CHANNELS, steps + OVERLAP - 1, hop // q, q)
        x = g.transpose(x, 2, 3, 0, 1)
        x = g.op("Concat", *(g.slice(x, 3, j, j + steps) for j in range(OVERLAP)), axis=0)
        x = g.op("Mul", x, g.floats(_by_factors(_hann(window) / math.sqrt(window))))
        x = g.op("MatMul", g.floats(_inner(r)), g.reshape(x, r, q * CHANNELS * steps))
        x = g.op("MatMul", g.floats(_outer(window)), g.reshape(x, r, 2 * q, CHANNELS * steps))
        x = g.transpose(g.reshape(x, r, 2, q // 2, CHANNELS, steps), 3, 1, 2, 0, 4)
        return g.reshape(x, 1, 2 * CHANNELS, window // 2, steps)


def waveform(g: Graph, spectra: str, count: int, frames: int, window: int = 4_096) -> str:
    """Demucs' `_ispec` of `count` stereo spectrograms.

    Args:
        g: the graph that it becomes part of.
        spectra: name of (1, 4 * count, window / 2, ceil(frames / hop)).
        count: how many.
        frames: length of the segment.
        window: of the STFT, a power of two; the hop is a quarter of it.

    Returns:
        name of (1, 2 * count, frames).

    Raises:
        ExportError: the window is no power of two from 16 on.
    """
    r, q = _factors(window)
    hop, channels = window // OVERLAP, CHANNELS * count
    steps = math.ceil(frames / hop)
    with g.scope("istft"):
        x = g.transpose(g.reshape(spectra, channels, 2, q // 2, r, steps), 3, 1, 2, 0, 4)
        x = g.op("MatMul", g.floats(_outer_inverse(window)), g.reshape(x, r, q, channels * steps))
        x = g.op("MatMul", g.floats(_inner(r).T), g.reshape(x, 2 * r, q * channels * steps))
        x = g.reshape(x, r, q, channels, steps)
        x = g.op("Mul", x, g.floats(_by_factors(_hann(window) * math.sqrt(window) / _POWER)))
        x = g.transpose(_overlap_add(g, x, hop // q), 2, 3, 0, 1)
        x = g.reshape(x, 1, channels, (steps + OVERLAP - 1) * hop)
        return g.slice(x, 2, _before(hop), _before(hop) + frames)


def _reflect(g: Graph, mixture: str, frames: int, hop: int, steps: int) -> str:
    before = _before(hop)
    after = (steps + OVERLAP - 1) * hop - before - frames
    # A segment shorter than the padding is first lengthened by zeros, as demucs' pad1d does.
    short = max(0, after - frames + 1)
    if short:
        mixture = g.op("Pad", mixture, g.integers(0, 0, 0, 0, 0, short))
    return g.op("Pad", mixture, g.integers(0, 0, before, 0, 0, after - short), mode="reflect")


def _overlap_add(g: Graph, x: str, rows: int) -> str:
    """(4 * rows, q, channels, steps) to (rows, q, channels, steps + 3): quarter j of a window is j hops late."""
    total = ""
    for j in range(OVERLAP):
        quarter = g.slice(x, 0, j * rows, (j + 1) * rows)
        late = g.op("Pad", quarter, g.integers(0, 0, 0, j, 0, 0, 0, OVERLAP - 1 - j))
        total = g.op("Add", total, late) if total else late
    return total


def _before(hop: int) -> int:
    return hop // 2 * 3


def _factors(window: int) -> tuple[int, int]:
    """R and Q. The first product is the wider one: the tables then stay small."""
    if window < 16 or window & (window - 1):
        raise ExportError(
            f"an STFT window of {window} samples cannot be exported: it must be a power of two from 16 on"
        )
    q = 2 ** ((window.bit_length() - 2) // 2)
    return window // q, q


def _hann(window: int) -> Array:
    hann: Array = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    return hann


def _by_factors(samples: Array) -> Array:
    """The N numbers of a window as (r, q, 1, 1)."""
    return samples.reshape(*_factors(len(samples)), 1, 1)


def _inner(r: int) -> Array:
    """(s * [re, im], r): w(rs / R)."""
    angle = 2 * np.pi * (np.outer(np.arange(r), np.arange(r)) % r) / r
    return np.stack([np.cos(angle), -np.sin(angle)], axis=1).reshape(2 * r, r)


def _outer(window: int) -> Array:
    """(s, [re, im] * p, [re, im] * q): for each s the product with w(q(s + Rp) / N), in real numbers."""
    r, q = _factors(window)
    bins = np.arange(r)[:, None, None] + r * np.arange(q // 2)[:, None]
    angle = 2 * np.pi * (bins * np.arange(q) % window) / window
    cos, sin = np.cos(angle), np.sin(angle)
    return np.concatenate([np.concatenate([cos, sin], axis=2), np.concatenate([-sin, cos], axis=2)], axis=1)


def _outer_inverse(window: int) -> Array:
    """(s, [re, im] * q, [re, im] * p): turned back; a bin stands for its mirror image too, but the first does not."""
    table = _outer(window).transpose(0, 2, 1) * 2 / window
    table[0, :, 0] /= 2
    return table
