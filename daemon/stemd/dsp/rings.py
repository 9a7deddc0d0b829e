"""Samples between a thread that may wait and an audio callback, which may not.

One thread writes and one reads, without a lock. A frame lies in the slot `position % capacity`; beside it stands its
lap, `position // capacity`, and that is what tells a frame that is there from one that is not: holes need no list.
A writer sets the lap after the samples, so that a reader never takes samples that are not there yet.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from stemd.audio import Float32Array

_NEVER: Final = -(2**62)  # no position has this lap


class _Slots:
    """Frames by their position. Whoever uses it keeps positions apart by less than the capacity."""

    def __init__(self, capacity: int, channels: int) -> None:
        self._capacity = capacity
        self._samples = np.zeros((capacity, channels), np.float32)
        self._laps: npt.NDArray[np.int64] = np.full(capacity, _NEVER, np.int64)
        self._there = np.zeros(capacity, np.bool_)  # the reader's

    def put(self, position: int, frames: Float32Array) -> None:
        """Store (frames, channels), at most the capacity, from `position` on."""
        lap, start = divmod(position, self._capacity)
        first = min(len(frames), self._capacity - start)
        self._put(start, lap, frames[:first])
        self._put(0, lap + 1, frames[first:])

    def _put(self, start: int, lap: int, frames: Float32Array) -> None:
        end = start + len(frames)
        self._samples[start:end] = frames
        self._laps[start:end] = lap

    def take_into(self, out: Float32Array, position: int) -> int:
        """Fill `out` (frames, channels), at most the capacity; silence where frames lack; how many were there."""
        lap, start = divmod(position, self._capacity)
        first = min(len(out), self._capacity - start)
        return self._take(start, lap, out[:first]) + self._take(0, lap + 1, out[first:])

    def _take(self, start: int, lap: int, out: Float32Array) -> int:
        end = start + len(out)
        there = self._there[start:end]
        np.equal(self._laps[start:end], lap, out=there)
        count = int(np.count_nonzero(there))
        if count == len(out):
            out[:] = self._samples[start:end]
            return count
        out[:] = 0
        if count:
            np.copyto(out, self._samples[start:end], where=there[:, None])
        return count

    def run(self, position: int, frames: int) -> tuple[int, int]:
        """The first run of frames that are there within [position, position + frames), as (begin, end)."""
        positions = np.arange(position, position + frames)
        there = self._laps[positions % self._capacity] == positions // self._capacity
        if not there.any():
            return position + frames, position + frames
        begin = int(there.argmax())
        rest = ~there[begin:]
        length = int(rest.argmax()) if rest.any() else len(rest)
        return position + begin, position + begin + length


class CaptureRing:
    """What a device captures; frame n is the n-th that the callback was given.

    Overflow: the newest frames that do not fit are lost and counted, and the position goes on: the reader sees a hole.

    Args:
        capacity: frames.
        channels: of the samples.
    """

    def __init__(self, capacity: int, channels: int) -> None:
        self._slots = _Slots(capacity, channels)
        self._capacity = capacity
        self._channels = channels
        self._read = 0
        self.position = 0  # of the next frame to come
        self.lost = 0  # frames that did not fit

    @property
    def filled(self) -> int:
        """Frames from the reader's position to the writer's, holes included."""
        return self.position - self._read

    def write(self, frames: Float32Array) -> None:
        """Copy (frames, channels) in: what the audio callback does, and all that it does."""
        fit = min(len(frames), max(0, self._capacity - self.filled))
        self._slots.put(self.position, frames[:fit])
        self.lost += len(frames) - fit
        self.position += len(frames)  # last, so that the reader never looks at frames that are not there yet

    def read(self, most: int | None = None) -> tuple[int, Float32Array]:
        """The next frames without a hole in them, as (position of the first, samples (channels, frames)).

        Args:
            most: frames to read; None: all that are there.
        """
        position, end = self._read, self.position
        # Whatever was written while the reader stood here lies within one capacity; what is beyond was lost.
        window = min(end - position, self._capacity)
        begin, stop = self._slots.run(position, window)
        if begin == stop:
            self._read = end
            return end, np.empty((self._channels, 0), np.float32)
        stop = min(stop, begin + most) if most is not None else stop
        samples = np.empty((stop - begin, self._channels), np.float32)
        self._slots.take_into(samples, begin)
        self._read = stop
        return begin, np.ascontiguousarray(samples.T)


class TimelineRing:
    """What a device plays: every frame at its position on a timeline, or not at all.

    The reader's cursor goes on with the device whether frames are there or not, so nothing ever shifts. Until `seek`
    has set it the device plays silence, and so it does, uncounted, at positions before 0.

    Args:
        capacity: frames that may be written ahead of the cursor.
        channels: of the samples.
    """

    def __init__(self, capacity: int, channels: int) -> None:
        self._slots = _Slots(capacity, channels)
        self._capacity = capacity
        self._cursor: int | None = None
        self._base: int | None = None  # the first position written before there was a cursor
        self.underruns = 0  # callbacks in which frames lacked
        self.missing = 0  # frames that lacked
        self.late = 0  # frames that came when their position was over

    @property
    def cursor(self) -> int | None:
        """The position that the next callback begins with; None before `seek`."""
        return self._cursor

    def write(self, position: int, samples: Float32Array) -> int:
        """Put samples (channels, frames) at their positions; how many of their frames were dealt with.

        Frames whose position is over are dropped and counted as late. Those that are further ahead of the cursor than
        the capacity do not fit: the writer keeps them, and comes back.
        """
        cursor = self.cursor
        if cursor is None:
            self._base = position if self._base is None else self._base
            cursor = self._base
        frames = samples.shape[1]
        over = min(frames, max(0, cursor - position))
        taken = int(max(over, min(frames, cursor + self._capacity - position)))
        self._slots.put(position + over, samples[:, over:taken].T)
        self.late += over
        return taken

    def seek(self, cursor: int) -> None:
        """Let the next `read_into` begin with this position. The callback's thread calls it."""
        self._cursor = cursor

    def read_into(self, out: Float32Array) -> None:
        """Fill `out` (frames, channels): what the audio callback does, and all that it does."""
        cursor = self._cursor
        if cursor is None:
            out[:] = 0
            return
        silent = min(len(out), max(0, -cursor))  # before the timeline begins
        out[:silent] = 0
        lack = len(out) - silent - self._slots.take_into(out[silent:], cursor + silent)
        if lack:
            self.underruns += 1
            self.missing += lack
        self._cursor = cursor + len(out)
