"""How long a source is waited for, and how much silence goes in then; in simulated times."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stemd.service.absence import Absence

SECOND = 1_000_000_000
GRACE = SECOND // 10
BEGAN = 86_400 * SECOND

rates = st.sampled_from([8_000, 22_050, 44_100, 48_000, 192_000])
blocks = st.sampled_from([1, 44, 441, 1_024, 4_410, 8_192])
waits = st.lists(st.integers(0, SECOND // 2), max_size=20)  # by which a look comes later than was asked for


def time_of(position: int, rate: int) -> int:
    return BEGAN + position * SECOND // rate


@settings(deadline=None)
@given(rates, blocks, st.integers(0, GRACE))
def test_a_source_that_is_late_by_less_than_its_grace_loses_nothing(rate: int, block: int, late: int) -> None:
    absence = Absence(rate, block, rate + 4 * block)
    assert absence.next_look(BEGAN) >= BEGAN + GRACE
    assert absence.missing(BEGAN, BEGAN + min(late, GRACE - 1)) == 0


@settings(deadline=None)
@given(rates, blocks, waits)
def test_silence_keeps_up_with_the_clock_in_whole_blocks(rate: int, block: int, waits: list[int]) -> None:
    absence, expected = Absence(rate, block, rate + 4 * block), 0
    for wait in waits:
        now = absence.next_look(time_of(expected, rate)) + wait
        missing = absence.missing(time_of(expected, rate), now)
        assert missing > 0
        assert missing % block == 0
        expected += missing
        # Less than a block behind the clock, and never before it, but for a frame of rounding.
        behind = now - time_of(expected, rate)
        assert -2 * SECOND // rate <= behind < (block + 2) * SECOND // rate
        assert absence.missing(time_of(expected, rate), now) in (0, block)


@settings(deadline=None)
@given(rates, blocks, st.integers(1, 100))
def test_who_was_heard_again_has_the_whole_grace_to_find_its_place(rate: int, block: int, fills: int) -> None:
    absence, expected = Absence(rate, block, rate + 4 * block), 0
    for _ in range(fills):
        now = absence.next_look(time_of(expected, rate))
        expected += absence.missing(time_of(expected, rate), now)
    absence.back()
    due = time_of(expected, rate)
    assert absence.next_look(due) >= due + GRACE
    assert absence.missing(due, due + GRACE - 1) == 0


@settings(deadline=None)
@given(rates, blocks, st.integers(1, 192_000))
def test_nobody_is_waited_for_beyond_the_latency(rate: int, block: int, latency: int) -> None:
    absence = Absence(rate, block, latency)
    assert absence.next_look(BEGAN) <= BEGAN + latency * SECOND // rate
    assert absence.missing(BEGAN, BEGAN + latency * SECOND // rate) >= block
