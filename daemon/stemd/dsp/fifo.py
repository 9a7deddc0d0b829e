"""A growing line of frames that forgets from the left, addressed by absolute positions."""

import sys
from typing import Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt

_OURS: Final = 2  # references to an array that only one name refers to, as `getrefcount` counts
Scalar = TypeVar("Scalar", np.float32, np.complex64)


class Fifo(Generic[Scalar]):
    """Frames `[start, end)` of a signal of shape (channels, frames, *rest). Amortised O(1) per frame.

    Views stay as they are, so what is held has to move to a new store each time that one is full. All at once, that
    holds up the event loop by milliseconds. So the last `window` frames of a store are also written into the next
    one as they come; nothing moves as long as no more than these are held.

    Args:
        dtype: float32 or complex64.
        channels: how many channels.
        rest: the shape of one frame of one channel, `()` for samples.
        start: the position of the first frame to be appended.
        silence: how many frames of silence are held before that, at no cost.
        window: how many frames are held at most, as a rule; more may be.
    """

    def __init__(
        self,
        dtype: type[Scalar],
        channels: int,
        rest: tuple[int, ...] = (),
        *,
        start: int = 0,
        silence: int = 0,
        window: int = 0,
    ) -> None:
        capacity = max(1_024 if not rest else 16, 2 * max(window, silence))
        # Zeros of this size are pages that nobody has touched: they cost nothing until they are written.
        self._store: npt.NDArray[Scalar] = np.zeros((channels, capacity, *rest), dtype)
        self._next: npt.NDArray[Scalar] | None = None
        self._last: npt.NDArray[Scalar] | None = None
        self._window = window
        self._first = self._origin = self.start = start - silence  # the origin: position of the store's first frame
        self.end = start

    def __len__(self) -> int:
        return self.end - self.start

    def take_memory(self) -> None:
        """Have both stores at hand before anything is appended, where there is a window.

        A page of memory that is written for the first time has to be found, and cleared, by the system: some
        milliseconds for a megabyte on a virtual machine.
        """
        if self._window:
            self._last = np.empty_like(self._store)
            self._last.fill(0)
            self._store.fill(0)

    def append(self, frames: npt.NDArray[Scalar]) -> None:
        """Add frames (channels, n, *rest) at the end."""
        count = frames.shape[1]
        if self.end - self._origin + count > self._store.shape[1]:
            self._make_room(count)
        at = self.end - self._origin
        self._store[:, at : at + count] = frames
        self.end += count
        if self.end > self._turn:
            self._copy(frames)

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
        """Frames `[start, stop)` to be read, without a copy where all of them were appended, or are silence held.

        Raises:
            IndexError: frames that are wanted were forgotten.
        """
        if self._first <= start and stop <= self.end:
            return self.view(start, stop)
        return self.padded(start, stop)

    def forget_before(self, position: int) -> None:
        """Drop the frames before `position` (at most all)."""
        self.start = min(max(self.start, position), self.end)

    @property
    def _turn(self) -> int:
        """The position of the next store's first frame."""
        turn: int = self._origin + self._store.shape[1] - self._window
        return turn

    def _copy(self, frames: npt.NDArray[Scalar]) -> None:
        """Write what was appended last into the next store, too, as far as it belongs there."""
        if not self._window:
            return
        if self._next is None:
            self._next = self._fresh()
        begin = max(self._turn, self.end - frames.shape[1])
        self._next[:, begin - self._turn : self.end - self._turn] = frames[:, begin - self.end :]

    def _fresh(self) -> npt.NDArray[Scalar]:
        """A store: the last one again where nobody has a view of it, for memory that is new costs time."""
        used, self._last = self._last, None
        if used is not None and sys.getrefcount(used) == _OURS and used.shape == self._store.shape:
            return used
        return np.empty_like(self._store)

    def _make_room(self, count: int) -> None:
        turn, following = self._turn, self._next
        self._next = None
        if following is not None and turn <= self.start and self.end - turn + count <= following.shape[1]:
            self._last, self._store, self._origin = self._store, following, turn
            return
        held: npt.NDArray[Scalar] = self._store[:, self.start - self._origin : self.end - self._origin]
        capacity = max(self._store.shape[1], 2 * (len(self) + count))
        fresh = np.zeros((held.shape[0], capacity, *held.shape[2:]), held.dtype)
        fresh[:, : held.shape[1]] = held
        self._store, self._origin = fresh, self.start
