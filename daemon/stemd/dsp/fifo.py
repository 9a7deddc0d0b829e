"""A growing line of frames that forgets from the left, addressed by absolute positions."""

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Scalar = TypeVar("Scalar", np.float32, np.complex64)


class Fifo(Generic[Scalar]):
    """Frames `[start, end)` of a signal of shape (channels, frames, *rest). Amortised O(1) per frame.

    Args:
        dtype: float32 or complex64.
        channels: how many channels.
        rest: the shape of one frame of one channel, `()` for samples.
        start: the position of the first frame to be appended.
    """

    def __init__(self, dtype: type[Scalar], channels: int, rest: tuple[int, ...] = (), *, start: int = 0) -> None:
        self._store: npt.NDArray[Scalar] = np.zeros((channels, 1_024 if not rest else 16, *rest), dtype)
        self._first = start  # nothing was ever before it
        self._origin = start  # position of the store's first frame
        self.start = start
        self.end = start

    def __len__(self) -> int:
        return self.end - self.start

    def append(self, frames: npt.NDArray[Scalar]) -> None:
        """Add frames (channels, n, *rest) at the end."""
        count = frames.shape[1]
        if self.end - self._origin + count > self._store.shape[1]:
            self._make_room(count)
        at = self.end - self._origin
        self._store[:, at : at + count] = frames
        self.end += count

    def view(self, start: int, stop: int) -> npt.NDArray[Scalar]:
        """Frames `[start, stop)`, which must be held; not a copy.

        What was appended is never written over, so the view stays as it is for as long as somebody has it.
        """
        if not self.start <= start <= stop <= self.end:
            raise IndexError(f"frames [{start}, {stop}) of [{self.start}, {self.end})")
        return self._store[:, start - self._origin : stop - self._origin]

    def padded(self, start: int, stop: int) -> npt.NDArray[Scalar]:
        """A copy of frames `[start, stop)`; what was never appended is zero.

        Raises:
            IndexError: frames that are wanted were forgotten.
        """
        out = np.zeros((self._store.shape[0], stop - start, *self._store.shape[2:]), self._store.dtype)
        low, high = max(start, self._first), min(stop, self.end)
        if low < high:
            out[:, low - start : high - start] = self.view(low, high)
        return out

    def window(self, start: int, stop: int) -> npt.NDArray[Scalar]:
        """Frames `[start, stop)` to be read, without a copy where all of them were appended.

        Raises:
            IndexError: frames that are wanted were forgotten.
        """
        if self._first <= start and stop <= self.end:
            return self.view(start, stop)
        return self.padded(start, stop)

    def forget_before(self, position: int) -> None:
        """Drop the frames before `position` (at most all)."""
        self.start = min(max(self.start, position), self.end)

    def _make_room(self, count: int) -> None:
        held: npt.NDArray[Scalar] = self._store[:, self.start - self._origin : self.end - self._origin]
        capacity = max(self._store.shape[1], 2 * (len(self) + count))
        fresh = np.zeros((held.shape[0], capacity, *held.shape[2:]), held.dtype)
        fresh[:, : held.shape[1]] = held
        self._store, self._origin = fresh, self.start
