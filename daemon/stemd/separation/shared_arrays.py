"""Arrays in memory that two processes share: a file without a name, which each maps.

Having no name, it is gone with the last process that holds it, however that ends: nothing can be left behind, and no
other process has to keep track of it, as it has to for POSIX shared memory. One side writes at a time.
"""

import mmap
import os
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Place = tuple[str, list[int], int]  # dtype, shape, offset in bytes

_ALIGNMENT: Final = 64  # bytes: what vector units like
_STEP: Final = 2**20  # bytes by which it grows


class SharedArrays:
    """See the module. It grows to what is largest, and stays so large.

    Args:
        descriptor: of the file, which is closed with this; None: a new one.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = os.memfd_create("stemd-worker", os.MFD_CLOEXEC) if descriptor is None else descriptor
        self._memory: mmap.mmap | None = None
        self._size = 0

    def put(self, arrays: Sequence[npt.NDArray[Any]], after: Sequence[Place] = ()) -> list[Place]:
        """Copy arrays in, behind those at the places `after`; where they are now."""
        offset = max((_aligned(place[2] + _bytes(place)) for place in after), default=0)
        places: list[Place] = []
        for array in arrays:
            places.append((array.dtype.str, list(array.shape), offset))
            offset = _aligned(offset + array.nbytes)
        if offset > os.fstat(self.descriptor).st_size:
            os.ftruncate(self.descriptor, -(-offset // _STEP) * _STEP)
        for array, view in zip(arrays, self.views(places), strict=True):
            view[...] = array
        return places

    def views(self, places: Sequence[Place]) -> list[npt.NDArray[Any]]:
        """The arrays at these places, as they stand there: not copies."""
        if any(place[2] + _bytes(place) > self._size for place in places):
            # The old map stays as long as somebody has a view of it.
            self._size = os.fstat(self.descriptor).st_size
            self._memory = mmap.mmap(self.descriptor, self._size)
        buffer = self._memory if self._memory is not None else b""
        return [
            np.frombuffer(buffer, dtype, int(np.prod(shape)), offset).reshape(shape) for dtype, shape, offset in places
        ]

    def close(self) -> None:
        """Let go of the file."""
        self._memory = None
        os.close(self.descriptor)


def _bytes(place: Place) -> int:
    dtype, shape, _ = place
    return int(np.prod(shape)) * np.dtype(dtype).itemsize


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
