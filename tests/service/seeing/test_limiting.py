"""However often the daemon complains of one thing, little is written, and nothing is left out unsaid."""

import logging

from hypothesis import given
from hypothesis import strategies as st

from stemd.service.seeing import limiting
from stemd.service.seeing.limiting import BURST, EVERY, Limiter


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(text: str = "stream %s fails", level: int = logging.WARNING, *values: object) -> logging.LogRecord:
    return logging.LogRecord("stemd", level, __file__, 1, text, values or ("x",) if "%" in text else None, None)


def passed(limiter: Limiter, count: int, text: str = "stream %s fails") -> list[logging.LogRecord]:
    return [line for line in (record(text, logging.WARNING, k) for k in range(count)) if limiter.filter(line)]


def test_a_flood_is_a_burst_and_then_a_trickle() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    assert len(passed(limiter, 10_000)) == BURST
    written = 0
    for second in range(60):
        clock.now = second
        written += len(passed(limiter, 500))
    assert written == 59 // EVERY


@given(st.lists(st.tuples(st.sampled_from(["a %s", "b %s", "c"]), st.floats(0, 20)), max_size=300))
def test_every_line_is_written_or_counted(lines: list[tuple[str, float]]) -> None:
    clock = Clock()
    limiter = Limiter(clock)
    written = told = 0
    for text, pause in lines:
        clock.now += pause
        line = record(text)
        if limiter.filter(line):
            written += 1
            told += getattr(line, "suppressed", 0)
        told += sum(_count(settled) for settled in limiter.settled())
    told += sum(_count(settled) for settled in limiter.settled(all_of_them=True))
    assert written + told == len(lines)


def _count(line: logging.LogRecord) -> int:
    assert isinstance(line.args, tuple)
    count = line.args[0]
    assert isinstance(count, int)
    return count


def test_one_kind_takes_nothing_from_another() -> None:
    limiter = Limiter(Clock())
    passed(limiter, 1_000)
    for other in (record("another %s"), record(level=logging.ERROR)):
        assert limiter.filter(other)


def test_what_was_left_out_is_said_with_the_next_line_or_once_it_is_quiet() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    passed(limiter, BURST + 7)
    assert limiter.settled() == []
    clock.now += EVERY
    line = record()
    assert limiter.filter(line)
    assert getattr(line, "suppressed", None) == 7
    passed(limiter, 3)
    clock.now += 2 * EVERY
    [said] = limiter.settled()
    assert said.getMessage() == "3 more lines were left out: stream %s fails"
    assert limiter.settled() == []


def test_kinds_without_number_take_bounded_memory_and_are_counted() -> None:
    limiter = Limiter(Clock())
    passed(limiter, BURST + 5, "the first kind %s")
    for kind in range(10 * limiting._KINDS):
        limiter.filter(record(f"kind {kind}"))
    assert len(limiter._kinds) == limiting._KINDS
    [said] = limiter.settled(all_of_them=True)
    assert said.getMessage() == "5 more lines were left out: of many kinds"
