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
        # Squared windows a quarter of their length apart add up to 3/2 everywhere.
        self._synthesis: Float32Array = (hann * math.sqrt(window) / 1.5).astype(np.float32)

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
        return samples

    def _reflect(self, mixture: Float32Array) -> Float32Array:
        before, after = self._before, self._padded - self._before - self.frames
        # A segment shorter than the padding is first lengthened by zeros, as demucs' pad1d does.
        short = max(0, after - self.frames + 1)
        longer = np.pad(mixture, ((0, 0), (0, short)))
        reflected: Float32Array = np.pad(longer, ((0, 0), (before, after - short)), mode="reflect")
        return reflected
