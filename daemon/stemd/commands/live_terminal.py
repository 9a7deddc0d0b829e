"""The terminal under `stemd live`: a line that is written over and over, and keys without Enter."""

import asyncio
import contextlib
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, TextIO

_ERASE: Final = "\r\x1b[K"


class Screen:
    """Where lines go.

    Args:
        out: a terminal, where a status replaces the one before; or a file, where each is a line of its own.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.terminal = out.isatty()
        self._shown = False

    @property
    def width(self) -> int | None:
        """Characters of a line that does not wrap; None where it does not matter."""
        return shutil.get_terminal_size().columns - 1 if self.terminal else None

    def say(self, text: str) -> None:
        """A line that stays."""
        self._write(f"{text}\n", shown=False)

    def status(self, text: str) -> None:
        """A line that lasts until the next."""
        self._write(text if self.terminal else f"{text}\n", shown=self.terminal)

    def end(self) -> None:
        """Leave the last status where it is."""
        if self._shown:
            self._out.write("\n")
            self._out.flush()
            self._shown = False

    def _write(self, text: str, *, shown: bool) -> None:
        # A terminal that knows neither block letters nor dots gets question marks.
        encoding = self._out.encoding or "ascii"
        text = text.encode(encoding, "replace").decode(encoding)
        self._out.write(f"{_ERASE}{text}" if self._shown else text)
        self._out.flush()
        self._shown = shown


class ScreenHandler(logging.Handler):
    """What is logged, above the status and not in it."""

    def __init__(self, screen: Screen, errors: TextIO) -> None:
        super().__init__()
        self._screen, self._errors = screen, errors
        self.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        text = self.format(record)
        if self._screen.terminal and self._errors.isatty():
            self._screen.say(text)
        else:
            print(text, file=self._errors, flush=True)


def has_keys() -> bool:
    """Whether standard input is a terminal that this process may listen to."""
    try:
        import termios  # noqa: F401, PLC0415 - not on Windows

        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (ImportError, OSError, ValueError):
        return False


@contextmanager
def keys(pressed: Callable[[str], None]) -> Iterator[None]:
    """Have each key told as it is pressed; the terminal is as it was afterwards, whatever happens."""
    import termios  # noqa: PLC0415 - not on Windows
    import tty  # noqa: PLC0415

    loop, file = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        typed = b""
        with contextlib.suppress(OSError):
            typed = os.read(file, 64)
        if not typed:
            loop.remove_reader(file)  # the terminal has gone; the music goes on
        elif not typed.startswith(b"\x1b"):  # arrows and the like
            for key in typed.decode("utf-8", "replace"):
                pressed(key)

    before = termios.tcgetattr(file)
    with ExitStack() as stack:
        stack.callback(_restore, file, before)
        tty.setcbreak(file, termios.TCSADRAIN)
        loop.add_reader(file, read)
        stack.callback(loop.remove_reader, file)
        yield


def _restore(file: int, attributes: list[object]) -> None:
    import termios  # noqa: PLC0415 - not on Windows

    with contextlib.suppress(termios.error, OSError):
        termios.tcsetattr(file, termios.TCSADRAIN, attributes)  # type: ignore[arg-type]
