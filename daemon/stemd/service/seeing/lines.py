"""A log record, settled, as a line for people, as JSON, or as fields of systemd's journal."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any, Final

# What a log call may say by `extra`: what the line is about, so that it can be found by it.
FIELDS: Final = ("stream", "stem", "subscription", "client", "model", "engine", "lane", "device", "code")
IDENTIFIER: Final = "stemd"

_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))  # syslog's
# What could make one line look like two, or turn a terminal's colours: clients choose names.
_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {0x2028: " ", 0x2029: " "}


def human(record: logging.LogRecord) -> str:
    """One line for people; a traceback, where there is one, below it."""
    return "\n".join([f"{record.levelname} {_message(record)}", *_traceback(record)])


def as_json(record: logging.LogRecord) -> str:
    """One JSON object on one line; `event` is the message before names and numbers were put in."""
    seconds, milliseconds = divmod(int(record.created * 1_000), 1_000)
    line: dict[str, Any] = {
        "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z",
        "level": record.levelname.lower(),
        "message": _message(record),
        "event": str(record.msg),
        "logger": record.name,
        **_about(record),
    }
    if left_out := suppressed(record):
        line["suppressed"] = left_out
    if traceback := _traceback(record):
        line["traceback"] = "\n".join(traceback)
    return json.dumps(line, default=str)


def journal_fields(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    """Names and values, as systemd.journal-fields(7) has them, and our own with STEMD_ before."""
    priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
    yield "MESSAGE", "\n".join([_message(record), *_traceback(record)])
    yield "PRIORITY", str(priority)
    yield "SYSLOG_IDENTIFIER", IDENTIFIER
    yield "CODE_FILE", record.pathname
    yield "CODE_LINE", str(record.lineno)
    yield "CODE_FUNC", record.funcName or ""
    yield "STEMD_EVENT", str(record.msg)
    for name, value in _about(record).items():
        yield f"STEMD_{name.upper()}", str(value)
    if left_out := suppressed(record):
        yield "STEMD_SUPPRESSED", str(left_out)


def suppressed(record: logging.LogRecord) -> int:
    """How many lines like this one were left out before it."""
    return int(getattr(record, "suppressed", 0))


def _about(record: logging.LogRecord) -> dict[str, Any]:
    given = {name: getattr(record, name, None) for name in FIELDS}
    return {name: value for name, value in given.items() if value is not None}


def _message(record: logging.LogRecord) -> str:
    text = record.message.translate(_CONTROLS)
    left_out = suppressed(record)
    return f"{text} ({left_out} more like this were left out)" if left_out else text


def settle(record: logging.LogRecord) -> None:
    """Make of a record what is to be written: what it names may be something else when it is.

    Raises:
        TypeError, ValueError: the message wants other values than it was given.
    """
    record.message = record.getMessage()
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.args = record.exc_info = None


def _traceback(record: logging.LogRecord) -> list[str]:
    return [line.translate(_CONTROLS) for line in (record.exc_text or "").splitlines()]
