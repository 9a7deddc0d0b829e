"""A thread that stands still while those beside it run, as one that hangs."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SEIZE: Final = 0x4206  # of <sys/ptrace.h>
_INTERRUPT: Final = 0x4207
_DETACH: Final = 17
_WALL: Final = 0x40000000  # of <sys/wait.h>: threads as well
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def frozen(thread: int) -> Iterator[None]:
    """Stop one thread as a debugger does; a process's first thread has the process's number."""
    for request in (_SEIZE, _INTERRUPT):
        assert _libc.ptrace(request, thread, None, None) == 0, os.strerror(ctypes.get_errno())
    os.waitpid(thread, _WALL)
    try:
        yield
    finally:
        # Who is dead, or dying, cannot be let go of; and to the others he is not, until his tracer has heard of it.
        if _libc.ptrace(_DETACH, thread, None, None) != 0:
            os.waitpid(thread, _WALL)
