"""Samples between an event loop and an audio callback."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32] | npt.NDArray[np.int16]


class Ring:
    """A bounded ring with one writer and one reader, in two threads, without a lock: each counts on its own.

    Overflow: `write` takes what fits, and the writer waits. Underflow: the reader gets silence, and it is counted.

    Args:
        capacity: frames.
        prefill: frames that must be there before the first is read, and again after an underrun.
        channels: of the samples.
        dtype: float32 or int16.
    """

    def __init__(self, capacity: int, prefill: int, channels: int, dtype: npt.DTypeLike = np.float32):
        self._samples = np.zeros((capacity, channels), dtype)
        self._capacity = capacity
        self._prefill = min(prefill, capacity)
        self._written = 0
        self._read = 0
        self._flowing = False
        self._ended = False
        self.underruns = 0

    @property
    def filled(self) -> int:
        """Frames that wait to be read."""
        return self._written - self._read

    def write(self, samples: Samples) -> int:
        """Copy frames in, from (frames, channels); how many of them fitted."""
        frames = min(len(samples), self._capacity - self.filled)
        start = self._written % self._capacity
        first = min(frames, self._capacity - start)
        self._samples[start : start + first] = samples[:first]
        self._samples[: frames - first] = samples[first:frames]
        self._written += frames  # last, so that the reader never sees frames that are not there yet
        return frames

    def end(self) -> None:
        """No more will be written: what is here is read to the end, and then silence is no underrun."""
        self._ended = True

    def read_into(self, out: Samples) -> None:
        """Fill `out` (frames, channels): what the audio callback does, and all that it does."""
        self._flowing = self._flowing or self._ended or self.filled >= self._prefill
        frames = min(len(out), self.filled) if self._flowing else 0
        start = self._read % self._capacity
        first = min(frames, self._capacity - start)
        out[:first] = self._samples[start : start + first]
        out[first:frames] = self._samples[: frames - first]
        out[frames:] = 0
        self._read += frames
        if self._flowing and frames < len(out) and not self._ended:
            self.underruns += 1
            self._flowing = False
