"""Logging of the daemon: set up once, written by a thread of its own, so that no block waits for a disk or a pipe."""

import logging
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stemd.config import Log
from stemd.errors import ConfigError
from stemd.service.seeing import journal
from stemd.service.seeing.limiting import Limiter
from stemd.service.seeing.lines import as_json, human, journal_fields, settle

Write = Callable[[logging.LogRecord], None]

_STDERR: Final = 2
_WAITING: Final = 1_000  # lines; past them the newest are lost, and counted
_LOOK: Final = 1.0  # seconds between two looks at what was left out
_PATIENCE: Final = 1.0  # seconds for what waits, when the daemon ends


class Writer(logging.Handler):
    """Takes records without waiting, and writes them in its thread.

    Args:
        write: writes one; it may wait, and may raise OSError.
        limiter: says what was left out.
    """

    def __init__(self, write: Write, limiter: Limiter) -> None:
        super().__init__()
        self.addFilter(limiter)
        self._write, self._limiter = write, limiter
        self._lost = 0  # lines, since the last one that was written
        self._counting = threading.Lock()
        self._queue: queue.Queue[logging.LogRecord | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="stemd-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """See Handler."""
        try:
            settle(record)
        except (TypeError, ValueError):  # a fault of ours, which logging tells in its own way
            self.handleError(record)
            return
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self._lose(1)

    def close(self) -> None:
        """Write what waits, if that can be done soon."""
        with suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(_PATIENCE)
        super().close()

    def _work(self) -> None:
        while True:
            try:
                record = self._queue.get(timeout=_LOOK)
            except queue.Empty:
                self._tell(all_of_them=False)
                continue
            if record is None:
                self._tell(all_of_them=True)
                return
            self._try(record)

    def _lose(self, lines: int) -> None:
        with self._counting:
            self._lost += lines

    def _tell(self, *, all_of_them: bool) -> None:
        for record in self._limiter.settled(all_of_them=all_of_them):
            settle(record)
            self._try(record)

    def _try(self, record: logging.LogRecord) -> None:
        with self._counting:
            lost, self._lost = self._lost, 0
        if lost:
            record.suppressed = lost + int(getattr(record, "suppressed", 0))
        try:
            self._write(record)
        except Exception:  # a line that cannot be written must not end those that can
            self._lose(lost + 1)


def set_up(table: Log, descriptor: int = _STDERR) -> None:
    """Log as the configuration says, in the whole process.

    Raises:
        ConfigError: there is no journal to log to.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(table.level.upper())
    root.addHandler(Writer(writer(table, descriptor), Limiter()))


def writer(table: Log, descriptor: int = _STDERR) -> Write:
    """What writes one record.

    Raises:
        ConfigError: see `set_up`.
    """
    kind = table.format
    if kind == "auto":
        kind = "journald" if journal.reads_stderr() else "human"
    if kind == "journald":
        return _to_journal()
    text = as_json if kind == "json" else human

    def write(record: logging.LogRecord) -> None:
        # Not by sys.stderr: while a pipe is full its lock would be held, and the interpreter could not end.
        line = f"{text(record)}\n".encode("utf-8", "backslashreplace")
        while line:
            line = line[os.write(descriptor, line) :]

    return write


def _to_journal() -> Write:
    there = journal.Journal()
    try:
        there.probe()
    except OSError as exc:
        there.close()
        raise ConfigError(
            f"log.format is journald, and systemd's journal cannot be reached ({exc.strerror}: {journal.SOCKET}): "
            "choose human, json or auto"
        ) from exc
    return lambda record: there.send(journal_fields(record))
