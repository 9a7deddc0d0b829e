"""Where ZeroMQ begins to count connections: anywhere, and not in every process at the same number."""

import ctypes
import os
import secrets

_WINDOWS_RUNTIME = "ucrtbase"  # what libzmq is linked with there


def begin_anywhere() -> None:
    """Have the sockets of this thread that are made from now on count their connections from a random number.

    A ROUTER draws the first number from the C library's `rand()`, which libzmq does not seed: it would be the same in
    every process. A client may choose its own id, and libzmq aborts once its count comes to one that was chosen.
    """
    runtime = ctypes.CDLL(None if os.name == "posix" else _WINDOWS_RUNTIME)
    runtime.srand(ctypes.c_uint(secrets.randbits(32)))
