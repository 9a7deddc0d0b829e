"""Spectrograms of single segments, as HT-Demucs wants them: reflected at the ends, real and imaginary part as channels.

`hybrid` networks live on these. They are demucs' `_spec` and `_ispec`: a periodic Hann window, scaled by the square
root of its length, four windows over every sample; STFT frame j covers samples [j*hop - 1.5*hop, j*hop + 2.5*hop).
The highest bin is dropped on the way in and silent on the way back. All arithmetic is float32, by pocketfft.
"""

import math
from typing import Final

import numpy as np
import scipy.fft

from stemd.audio import Complex64Array, Float32Array

OVERLAP: Final = 4


class SegmentSpectra:
    """Transforms segments of one length to spectrograms and back.

    Args:
        frames: length of a segment.
        window: of the STFT; the hop is a quarter of it.
        threads: that one transform may use.
    """

    def __init__(self, frames: int, window: int = 4_096, threads: int = 1) -> None:
        self.frames, self.window, self.hop = frames, window, window // OVERLAP
        self.bins, self.steps = window // 2, math.ceil(frames / self.hop)
        self._threads = threads
        self._before = self.hop * 3 // 2
        self._padded = (self.steps - 1) * self.hop + window
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
        self._analysis: Float32Array = (hann / math.sqrt(window)).astype(np.float32)
        self._synthesis: Float32Array = (hann * math.sqrt(window)).astype(np.float32)
        self._weight = self._inverse_weight(hann)

    def forward(self, mixture: Float32Array) -> Float32Array:
        """The spectrogram (2 * channels, bins, steps) of samples (channels, frames): real, imaginary, real, ..."""
        channels = mixture.shape[0]
        reflected = self._reflect(mixture)
        windows = np.lib.stride_tricks.sliding_window_view(reflected, self.window, axis=1)[:, :: self.hop]
        spectrum: Complex64Array = scipy.fft.rfft(windows * self._analysis, axis=2, workers=self._threads)
        out = np.empty((channels, 2, self.bins, self.steps), np.float32)
        out[:, 0] = spectrum.real[:, :, :-1].swapaxes(1, 2)
        out[:, 1] = spectrum.imag[:, :, :-1].swapaxes(1, 2)
        return out.reshape(2 * channels, self.bins, self.steps)

    def inverse(self, spectrogram: Float32Array) -> Float32Array:
        """Samples (channels, frames) of a spectrogram (2 * channels, bins, steps)."""
        parts = spectrogram.reshape(-1, 2, self.bins, self.steps)
        spectrum = np.zeros((len(parts), self.steps, self.bins + 1), np.complex64)
        spectrum.real[:, :, :-1] = parts[:, 0].swapaxes(1, 2)
        spectrum.imag[:, :, :-1] = parts[:, 1].swapaxes(1, 2)
        windows = scipy.fft.irfft(spectrum, self.window, axis=2, workers=self._threads)
        windows *= self._synthesis
        pieces = windows.reshape(len(parts), self.steps, OVERLAP, self.hop)
        total = np.zeros((len(parts), self.steps + OVERLAP - 1, self.hop), np.float32)
        for j in range(OVERLAP):
            total[:, j : j + self.steps] += pieces[:, :, j]
        samples: Float32Array = total.reshape(len(parts), -1)[:, self._before : self._before + self.frames]
        return samples * self._weight

    def _reflect(self, mixture: Float32Array) -> Float32Array:
        # A segment shorter than the padding is first lengthened by zeros, as demucs' pad1d does.
        before, after = self._before, self._padded - self._before - self.frames
        short = max(0, max(before, after) - self.frames + 1)
        right = min(after, short)
        left = short - right
        mixture = np.pad(mixture, ((0, 0), (left, right)))
        reflected: Float32Array = np.pad(mixture, ((0, 0), (before - left, after - right)), mode="reflect")
        return reflected

    def _inverse_weight(self, hann: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Float32Array:
        # The two STFT frames at either end that demucs cuts off still count in its weight.
        count = self.steps + OVERLAP
        total = np.zeros((count + OVERLAP - 1, self.hop))
        for j, piece in enumerate((hann * hann).reshape(OVERLAP, self.hop)):
            total[j : j + count] += piece
        start = self._before + OVERLAP // 2 * self.hop
        weight: Float32Array = (1 / total.reshape(-1)[start : start + self.frames]).astype(np.float32)
        return weight
