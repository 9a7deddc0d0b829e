"""POSIX shared memory with a server of this machine: samples and stems need not go through a socket."""

import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from stemd.audio import Float32Array
from stemd.separation.remote.wire import Tensor

_SHARED: Final = Path("/dev/shm")  # noqa: S108 - where Linux has it


class Region:
    """A piece of it, for one request at a time: its tensors from the front, and behind them what is answered.

    It has a name only while it is a context; once the server has opened it, nothing is left of it when both have ended,
    however they do.

    Attributes:
        name: by which the server is told of it; `key`: by which the system knows it.
        size: bytes.
        output: where the answer begins.

    Raises:
        OSError: there is none.
    """

    def __init__(self, size: int) -> None:
        self.name = f"stemd-{os.getpid()}-{secrets.token_hex(8)}"
        self.key = f"/{self.name}"
        self.size, self.output = size, 0
        self._path = _SHARED / self.name
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)  # or writing to it would end the process where there is no room
            self._memory = np.memmap(self._path, np.uint8, "r+", shape=(size,))
        except OSError:
            self._path.unlink()
            raise
        finally:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.unlink(missing_ok=True)

    def put(self, values: Tensor, offset: int) -> int:
        """Write values at an offset; the offset after them."""
        end = offset + values.nbytes
        self._memory[offset:end] = values.reshape(-1).view(np.uint8)
        return end

    def taken(self, tensor: Any) -> Float32Array | None:
        """A copy of what the server wrote, in the shape that it says."""
        if tensor is None or tensor.datatype != "FP32":
            return None
        shape = [int(length) for length in tensor.shape]
        end = self.output + 4 * int(np.prod(shape))
        if min(shape, default=0) < 1 or end > self.size:
            return None
        return self._memory[self.output : end].view(np.float32).reshape(shape).copy()
