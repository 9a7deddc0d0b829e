"""Streaming sample-rate conversion whose delay is known and taken out: the k-th frame in is the k-th frame out.

libsamplerate's sinc converter (J. O. Smith, "Digital Audio Resampling"), which gives frame 0 for frame 0 and only holds
back the frames whose kernels still lack input.
"""

from functools import cache
from math import ceil

import numpy as np
import samplerate

from stemd.audio import Float32Array

_CONVERTER = "sinc_medium"
_FLUSH = 1_024  # frames; longer than half the converter's kernel at ratio 1


def resampled_length(frames: int, source: int, target: int) -> int:
    """How many frames at `target` Hz cover `frames` frames at `source` Hz."""
    return -(-frames * target // source)


@cache
def held_back(source: int, target: int) -> int:
    """The most frames at `target` Hz by which the output may trail the input (0 where the rates are equal)."""
    if source == target:
        return 0
    probe = samplerate.Resampler(_CONVERTER, channels=1)
    frames = 8 * _flush_frames(source, target)
    given = len(probe.process(np.zeros((frames, 1), np.float32), target / source, end_of_input=False))
    return ceil(frames * target / source) - given + 1


class Resampler:
    """Samples (channels, n) at `source` Hz in, at `target` Hz out; equal rates pass through untouched."""

    def __init__(self, source: int, target: int, channels: int) -> None:
        self.source, self.target, self.channels = source, target, channels
        self._taken = self._given = 0
        self._converter = None if source == target else samplerate.Resampler(_CONVERTER, channels=channels)

    def push(self, samples: Float32Array) -> Float32Array:
        """Take samples; give the frames that are final. The blocks' sizes never change a sample."""
        self._taken += samples.shape[1]
        out = self._process(samples)
        self._given += out.shape[1]
        return out

    def flush(self) -> Float32Array:
        """Give what was held back, so that the total is `resampled_length` of what came in."""
        missing = resampled_length(self._taken, self.source, self.target) - self._given
        if missing <= 0:
            return np.zeros((self.channels, 0), np.float32)
        silence = np.zeros((self.channels, _flush_frames(self.source, self.target)), np.float32)
        self._given += missing
        return self._process(silence)[:, :missing]

    def _process(self, samples: Float32Array) -> Float32Array:
        if self._converter is None:
            return samples
        interleaved = np.ascontiguousarray(samples.T)
        out = self._converter.process(interleaved, self.target / self.source, end_of_input=False)
        # libsamplerate reuses nothing, but the transposed view must not keep interleaved strides.
        return np.ascontiguousarray(out.reshape(-1, self.channels).T, np.float32)


def _flush_frames(source: int, target: int) -> int:
    # Downwards the kernel is stretched by the ratio.
    return ceil(_FLUSH * max(1.0, source / target))
