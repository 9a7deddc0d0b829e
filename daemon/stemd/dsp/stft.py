"""The spectrogram that `mask` networks live on: 4096-frame Hann windows every 1024 frames, on the stream's own grid.

STFT frame j is centred at stream position 1024*j, offline and live alike, and is computed once. The inverse divides by
the sum of the squared windows that it was given (Griffin and Lim, 1984), so any run of frames reconstructs every
sample that at least one of them covers well.
"""

from typing import Final

import numpy as np
import scipy.fft

from stemd.audio import Complex64Array, Float32Array
from stemd.dsp.fifo import Fifo
from stemd.dsp.plan import Span

WINDOW: Final = 4_096
HOP: Final = 1_024
HALF: Final = WINDOW // 2
BINS: Final = HALF + 1
KEPT: Final = 1_024  # bins of a stream's STFT frames that are held, from the lowest; networks of masks see no others
SPILL: Final = WINDOW - HOP  # how far the windows that begin before a frame reach beyond it
_HANN: Final[Float32Array] = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
_SQUARED: Final[Float32Array] = _HANN * _HANN
_SYNTHESIS: Final[Float32Array] = _HANN * np.float32(2 / 3)


def analyse(samples: Float32Array) -> Complex64Array:
    """STFT frames of samples (channels, (n - 1) * HOP + WINDOW) as (channels, n, BINS)."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW, axis=1)[:, ::HOP]
    spectrum: Complex64Array = scipy.fft.rfft(windows * _HANN, axis=2)
    return spectrum


def synthesise(spectrum: Complex64Array, first: int, start: int, stop: int) -> Float32Array:
    """Samples `[start, stop)` of a signal from its STFT frames (channels, n, bins), `first` the index of the first.

    Every sample wanted must lie within 1024 frames of the centre of one of the STFT frames.
    """
    # Only the frames that touch [start, stop) are transformed.
    low = max(0, -(-(start - HALF + 1) // HOP) - first)
    high = min(spectrum.shape[1], (stop - 1 + HALF) // HOP + 1 - first)
    windows = scipy.fft.irfft(spectrum[:, low:high], WINDOW, axis=2).astype(np.float32, copy=False) * _HANN
    count = high - low
    total = np.zeros((spectrum.shape[0], (count - 1) * HOP + WINDOW), np.float32)
    weight = np.zeros(total.shape[1], np.float32)
    for j in range(count):
        total[:, j * HOP : j * HOP + WINDOW] += windows[:, j]
        weight[j * HOP : j * HOP + WINDOW] += _SQUARED
    offset = start - ((first + low) * HOP - HALF)
    part = slice(offset, offset + stop - start)
    samples: Float32Array = np.divide(total[:, part], weight[part], dtype=np.float32)
    return samples


def windowed(spectrum: Complex64Array, first: int, start: int, stop: int) -> Float32Array:
    """What STFT frames (channels, n, BINS) contribute to samples `[start, stop)`, `first` the index of the first.

    The contributions of all STFT frames that touch a sample add up to it: at this hop the squared windows sum to 3/2.
    """
    count = spectrum.shape[1]
    windows = scipy.fft.irfft(spectrum, WINDOW, axis=2).astype(np.float32, copy=False) * _SYNTHESIS
    total = np.zeros((spectrum.shape[0], stop - start), np.float32)
    for j in range(count):
        begin = (first + j) * HOP - HALF - start
        low, high = max(0, begin), min(stop - start, begin + WINDOW)
        if low < high:
            total[:, low:high] += windows[:, j, low - begin : high - begin]
    return total


def needed(span: Span, first: int, count: int) -> tuple[int, int]:
    """Which of a segment's STFT frames make its estimate, as (low, high); `first` is the index of the first of `count`.

    Those that touch the trusted frames; where the plan has a spill, those that no other segment gives.
    """
    stop = span.position + span.frames
    if span.spill is None:
        return max(0, (span.position - HALF) // HOP - first), min(count, (stop - 1 + HALF) // HOP + 1 - first)
    low = (span.position + HALF) // HOP - first if span.index else 0
    return low, min(count, -(-(stop + HALF) // HOP) - first)


class SpectrumRing:
    """The STFT frames of one stream, each computed once, as its samples come.

    Args:
        channels: of the samples.
        silence: frames of the stream before its first one, whose STFT frames are held as silence.
        window: frames of the stream whose STFT frames are held at most, as a rule.
    """

    def __init__(self, channels: int, silence: int = 0, window: int = 0) -> None:
        # Frame -1 is the first that any sample touches; it and the windows before it begin in silence.
        self._samples = Fifo(np.float32, channels, silence=HOP + HALF)
        before = max(0, -(-silence // HOP) - 1)
        self._frames = Fifo(np.complex64, channels, (KEPT,), start=-1, silence=before, window=-(-window // HOP) + 1)

    def take_memory(self) -> None:
        """Have all memory at hand that will be used, before anything is pushed; see Fifo."""
        self._frames.take_memory()

    @property
    def end(self) -> int:
        """One past the index of the last STFT frame that is known."""
        return self._frames.end

    def push(self, samples: Float32Array) -> None:
        """Take samples (channels, n) and compute the STFT frames that they complete."""
        self._samples.append(samples)
        count = (self._samples.end - (self.end * HOP - HALF) - WINDOW) // HOP + 1
        if count > 0:
            start = self.end * HOP - HALF
            self._frames.append(analyse(self._samples.view(start, start + (count - 1) * HOP + WINDOW))[:, :, :KEPT])
            self._samples.forget_before(self.end * HOP - HALF)

    def frames(self, first: int, stop: int) -> Complex64Array:
        """STFT frames `[first, stop)` as (channels, stop - first, KEPT), to be read; those before -1 are silent."""
        return self._frames.window(first, stop)

    def forget_before(self, index: int) -> None:
        """Drop the STFT frames before `index`."""
        self._frames.forget_before(index)
