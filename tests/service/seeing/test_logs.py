"""Logging never makes the daemon wait, and every line can be read again, whoever chose the names in it."""

import json
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd.config import Log
from stemd.errors import ConfigError
from stemd.service.seeing import journal, logs
from stemd.service.seeing.limiting import Limiter
from stemd.service.seeing.lines import FIELDS, as_json, human, settle
from tests.waiting import wait_until


def record(text: str, *values: object, fault: BaseException | None = None, **fields: object) -> logging.LogRecord:
    about = (type(fault), fault, None) if fault else None
    line = logging.LogRecord("stemd", logging.WARNING, __file__, 1, text, values, about)
    vars(line).update(fields)
    settle(line)
    return line


@given(st.text(), st.text())
def test_a_line_is_a_line_whatever_a_client_calls_itself(name: str, stream: str) -> None:
    line = record("client %s has gone", name, client=name, stream=stream)
    assert len(human(line).splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", human(line))
    read = json.loads(as_json(line))
    assert len(as_json(line).splitlines()) == 1
    assert (read["client"], read["stream"], read["event"]) == (name, stream, "client %s has gone")


def test_json_has_the_time_the_level_and_what_it_is_about() -> None:
    read = json.loads(as_json(record("stream %s: %s", "a", "b", stream="a", code="inference", suppressed=2)))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", read.pop("time"))
    assert read == {
        "level": "warning",
        "message": "stream a: b (2 more like this were left out)",
        "event": "stream %s: %s",
        "logger": "stemd",
        "stream": "a",
        "code": "inference",
        "suppressed": 2,
    }


def test_a_traceback_is_told_in_each_form() -> None:
    line = record("it failed", fault=ValueError("\x1b[2Jwhy"))
    assert human(line).splitlines()[0] == "WARNING it failed"
    assert human(line).splitlines()[-1] == r"ValueError: \x1b[2Jwhy"
    assert json.loads(as_json(line))["traceback"].endswith(r"ValueError: \x1b[2Jwhy")


def test_every_log_call_names_fields_that_are_known() -> None:
    """What nobody writes is of no use to anybody."""
    source = Path(logs.__file__).parents[2]
    named = set()
    for path in [*(source / "service").rglob("*.py"), *(source / "separation").rglob("*.py")]:
        for given_fields in re.findall(r"(?:extra|about)=? ?=? ?\{([^}]*)\}", path.read_text("utf-8")):
            named |= set(re.findall(r'"(\w+)":', given_fields))
    assert named
    assert named <= set(FIELDS)


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, as it was afterwards."""
    logger = logging.getLogger()
    before, level = logger.handlers.copy(), logger.level
    for handler in before:
        logger.removeHandler(handler)
    yield logger
    for handler in logger.handlers.copy():
        logger.removeHandler(handler)
        handler.close()
    for handler in before:
        logger.addHandler(handler)
    logger.setLevel(level)


def test_whoever_logs_does_not_wait_and_what_was_lost_is_said() -> None:
    go, written = threading.Event(), []

    def write(line: logging.LogRecord) -> None:
        go.wait(20)
        written.append(line)

    writer = logs.Writer(write, Limiter())
    for kind in range(5_000):  # returns at once, though nobody reads
        writer.handle(logging.LogRecord("stemd", logging.WARNING, "x", 1, f"kind {kind}", (), None))
    go.set()
    wait_until(lambda: len(written) > logs._WAITING, "what waited is written")
    writer.close()
    told = sum(int(getattr(line, "suppressed", 0)) for line in written)
    assert len(written) + told == 5_000


def test_a_disk_that_is_full_ends_nothing() -> None:
    written: list[logging.LogRecord] = []
    full = threading.Event()
    full.set()
    tried = threading.Semaphore(0)

    def write(line: logging.LogRecord) -> None:
        tried.release()
        if full.is_set():
            raise OSError(28, "No space left on device")
        written.append(line)

    writer = logs.Writer(write, Limiter())
    for text in ("a", "b"):
        writer.handle(logging.LogRecord("stemd", logging.WARNING, "x", 1, text, (), None))
        assert tried.acquire(timeout=5)
    full.clear()
    writer.handle(logging.LogRecord("stemd", logging.WARNING, "x", 1, "c", (), None))
    writer.close()
    assert [human(line) for line in written] == ["WARNING c (2 more like this were left out)"]


def test_a_flood_is_summed_up_at_the_end(root: logging.Logger, tmp_path: Path) -> None:
    out = (tmp_path / "log").open("wb")
    logs.set_up(Log(format="json"), out.fileno())
    for number in range(10_000):
        logging.getLogger("stemd").warning("message %d is garbage", number, extra={"client": "raw"})
    logging.getLogger("stemd").info("this is too little to be logged")
    [handler] = root.handlers
    handler.close()
    out.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert len(lines) <= 12
    assert lines[0] == {**lines[0], "message": "message 0 is garbage", "client": "raw"}
    left_out = [re.match(r"(\d+) more lines were left out", line["message"]) for line in lines]
    assert sum(int(match[1]) for match in left_out if match) + sum(match is None for match in left_out) == 10_000


def test_without_a_journal_the_format_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SOCKET", "/nowhere/socket")
    with pytest.raises(ConfigError, match=r"journald.*choose human, json or auto"):
        logs.writer(Log(format="journald"))


def test_auto_is_for_people_unless_the_journal_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "0:0")
    with (tmp_path / "log").open("wb") as out:
        logs.writer(Log(), out.fileno())(record("hello"))
    assert (tmp_path / "log").read_text() == "WARNING hello\n"
