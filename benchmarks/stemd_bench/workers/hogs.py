"""Other programs that want the processor."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

_HOG: Final = """
import os, sys, threading
def until_closed():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=until_closed).start()
while True: pass
"""


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many processes that compute without end; they end with the block, or with who began them."""
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", _HOG], stdin=subprocess.PIPE))  # noqa: S603
            stack.callback(process.kill)
        yield
