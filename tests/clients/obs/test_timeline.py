"""Laws of when a block is due in OBS."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd.protocol import Stem
from stemd_client.obs.timeline import JUMP_NS, LEAD_NS, SECOND, Timeline

RATE, SIZE, LATENCY = 44_100, 441, 22_050


def header(position: int, capture_ns: int, incarnation: str = "one", frames: int = SIZE) -> Stem:
    rest = {"format": "f32le", "source_ns": None, "dropped": 0, "flags": ()}
    return Stem(
        subscription=1,
        stream="desk",
        incarnation=incarnation,
        stem="mix",
        sequence=0,
        position=position,
        frames=frames,
        rate=RATE,
        channels=2,
        capture_ns=capture_ns,
        latency=LATENCY,
        **rest,
    )


def captured(position: int) -> int:
    return 7 * SECOND + position * SECOND // RATE


def test_a_block_is_due_its_latency_and_the_lead_after_its_capture() -> None:
    place = Timeline().place(header(4_410, captured(4_410)))
    assert place.due_ns == captured(4_410) + SECOND // 2 + LEAD_NS
    assert place.missing == 0


@given(st.lists(st.integers(-JUMP_NS // 2 + 2, JUMP_NS // 2 - 2), min_size=2, max_size=50))
def test_jitter_of_the_captures_never_comes_between_two_blocks(jitter: list[int]) -> None:
    timeline = Timeline()
    places = [timeline.place(header(k * SIZE, captured(k * SIZE) + late)) for k, late in enumerate(jitter)]
    for k, place in enumerate(places):
        assert abs(place.due_ns - places[0].due_ns - k * SIZE * SECOND // RATE) <= 1
        assert place.missing == 0


def test_rounding_does_not_add_up_in_a_day() -> None:
    timeline = Timeline()
    first = timeline.place(header(0, captured(0)))
    day = 24 * 3_600 * RATE // SIZE * SIZE
    for position in range(0, day, day // 1_000):
        place = timeline.place(header(position, captured(position)))
        assert place.due_ns - first.due_ns == position * SECOND // RATE


@pytest.mark.parametrize("away", [JUMP_NS, -JUMP_NS])
def test_a_clock_that_has_moved_away_begins_anew(away: int) -> None:
    timeline = Timeline()
    timeline.place(header(0, captured(0)))
    near = timeline.place(header(SIZE, captured(SIZE) + away * 9 // 10))
    far = timeline.place(header(2 * SIZE, captured(2 * SIZE) + away))
    promised = SECOND // 2 + LEAD_NS
    assert abs(near.due_ns - captured(SIZE) - promised) <= 1
    assert far.due_ns == captured(2 * SIZE) + away + promised


@given(st.integers(1, RATE))
def test_what_was_dropped_is_silence_of_its_own_length_where_it_would_have_been(missing: int) -> None:
    timeline = Timeline()
    first = timeline.place(header(0, captured(0)))
    place = timeline.place(header(SIZE + missing, captured(SIZE + missing)))
    assert place.missing == missing
    assert abs(place.missing_ns - first.due_ns - SIZE * SECOND // RATE) <= 1
    assert abs(place.due_ns - place.missing_ns - missing * SECOND // RATE) <= 1


def test_a_long_hole_and_a_new_stream_bring_no_silence() -> None:
    timeline = Timeline()
    timeline.place(header(0, captured(0)))
    assert timeline.place(header(3 * RATE, captured(3 * RATE))).missing == 0
    again = timeline.place(header(SIZE, captured(9 * RATE), "two"))
    assert (again.missing, again.due_ns) == (0, captured(9 * RATE) + SECOND // 2 + LEAD_NS)


def test_another_hosts_clock_is_taken_off() -> None:
    place = Timeline().place(header(0, captured(0) + 90 * SECOND), offset_ns=90 * SECOND)
    assert place.due_ns == captured(0) + SECOND // 2 + LEAD_NS
