"""Numbers, tables, choices and knobs: no terminal, no daemon."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd_client.figures import bar, cut, duration_text, gain_text, level_text
from stemd_client.top.choice import Choice, chosen_part, chosen_stream, other_part, other_stream
from stemd_client.top.knobs import Turn, stepped, turn
from stemd_client.top.picture import Picture, Rises, turned, xruns
from stemd_client.top.table import Column, fitting, table
from tests.clients.top.states import devices, state, stream

# Figures.


@given(st.floats(0, 8), st.floats(-120, 30))
def test_numbers_are_as_wide_as_ever(gain: float, level: float) -> None:
    assert len(gain_text(gain)) == 8 or 0 < gain < 1e-4
    assert len(level_text(level)) == 9


@given(st.floats(-200, 30), st.integers(1, 60))
def test_a_bar_has_its_width_and_its_colours_their_places(level: float, width: int) -> None:
    runs = bar(level, width)
    assert sum(len(text) for text, _ in runs) == width
    assert [colour for _, colour in runs if colour] == ["green", "yellow", "red"][: len(runs) - 1]
    if level <= -60:
        assert runs == [("·" * width, "")]
    if level >= 0:
        assert runs[-1] == ("", "")


@given(st.floats(-90, 10), st.floats(-90, 10))
def test_a_louder_bar_is_never_shorter(one: float, other: float) -> None:
    def reached(level: float) -> int:
        return sum(len(text) for text, colour in bar(level, 17) if colour)

    assert (reached(one) <= reached(other)) or one > other


def test_durations_and_cut_texts() -> None:
    assert [duration_text(s) for s in (0, 59.9, 60, 3_600, 11_530, 90_000)] == [
        *("0 s", "59 s", "1 min", "1 h 0 min", "3 h 12 min", "1 d 1 h")
    ]
    assert [cut("vocals", width) for width in (0, 1, 3, 6, 9)] == ["", "…", "vo…", "vocals", "vocals"]


# Tables.


@given(st.integers(10, 120))
def test_a_table_is_never_wider_than_the_screen(width: int) -> None:
    columns = [
        Column("name", ["a-long-name", "b"], right=False),
        *(Column(f"column{i}", ["1", "22"], spare=i) for i in range(8)),
    ]
    lines = table(columns, width, marked=1)
    assert all(len(line) <= width for line in lines)
    assert [line.plain[0] for line in lines] == [" ", " ", ">"]
    assert columns[0] in fitting(columns, width)


def test_what_matters_least_is_left_out_first() -> None:
    columns = [Column("always", ["1"]), Column("seldom", ["2"], spare=2), Column("often", ["3"], spare=1)]
    assert [c.title for c in fitting(columns, 19)] == ["always", "seldom", "often"]
    assert [c.title for c in fitting(columns, 18)] == ["always", "often"]
    assert [c.title for c in fitting(columns, 3)] == ["always"]


# Choices.


def test_choices_go_around_and_are_kept_by_name() -> None:
    both = state(stream("a"), stream("b"))
    first = other_stream(both, Choice(), 1)
    assert first.stream == "b"
    assert other_stream(both, first, 1).stream == "a"
    assert chosen_stream(state(stream("b")), Choice("a"))["stream"] == "b"
    assert chosen_stream(state(stream("c"), stream("a")), Choice("a"))["stream"] == "a"
    part = other_part(both, Choice("a"), -1)
    assert part == Choice("a", "rest")
    assert chosen_part(stream(gains={"bass": 1.0}), part) == "bass"
    assert chosen_part(stream(), part) == "rest"


def test_with_nothing_there_nothing_is_chosen() -> None:
    assert chosen_stream(state(), Choice("a")) is None
    assert other_stream(state(), Choice("a", "b"), 1) == other_part(state(), Choice("a", "b"), 1) == Choice("a", "b")
    assert chosen_part(stream(gains={}), Choice()) is None


# Knobs.


@pytest.mark.parametrize(
    ("key", "changes", "due"),
    [
        ("p", {"bypass": False}, Turn(controls={"bypass": True})),
        ("p", {"bypass": True}, Turn(controls={"bypass": True})),
        (" ", {"bypass": True}, Turn(controls={"bypass": True})),
        ("b", {"bypass": True}, Turn(controls={"bypass": False})),
        ("w", {"wet": 0.05}, Turn(controls={"wet": 0.0})),
        ("W", {"wet": 0.9}, Turn(controls={"wet": 1.0})),
        ("m", {"mute": ["bass"]}, Turn(controls={"mute": ("bass", "vocals")})),
        ("m", {"mute": ["bass", "vocals"]}, Turn(controls={"mute": ("bass",)})),
        ("s", {"solo": ["vocals"]}, Turn(controls={"solo": ()})),
        ("0", {}, Turn(gains={"vocals": 1.0})),
        ("x", {}, None),
    ],
    ids=str,
)
def test_a_key_turns_what_it_says(key: str, changes: dict[str, Any], due: Turn | None) -> None:
    assert turn(key, stream(**changes), "vocals") == due
    if due is None or not (due.gains or {"mute", "solo"} & set(due.controls)):
        assert turn(key, stream(**changes), None) == due


@given(st.floats(0, 8), st.sampled_from(["+", "-", ".", ","]))
def test_a_step_is_a_decibel_or_a_tenth_and_stays_in_range(gain: float, key: str) -> None:
    after = turn(key, stream(gains={"vocals": gain}), "vocals").gains["vocals"]
    assert 0 <= after <= 8
    if 0.002 < gain < 6 and after:
        step = 20 * math.log10(after / gain)
        assert step == pytest.approx({"+": 1, "-": -1, ".": 0.1, ",": -0.1}[key], abs=0.051)


def test_ten_steps_up_and_down_are_where_they_began_and_silence_is_reached_and_left() -> None:
    gain = 1.0
    for step in [1.0] * 10 + [-0.1] * 100:
        gain = stepped(gain, step)
    assert gain == pytest.approx(1.0, abs=1e-9)
    assert stepped(10 ** (-60 / 20), -1.0) == stepped(0.0, -1.0) == 0.0
    assert stepped(0.0, 1.0) == pytest.approx(0.001)
    assert stepped(8.0, 1.0) == pytest.approx(10 ** (18 / 20))


# Pictures.


def test_a_counter_is_loud_for_three_seconds_after_it_went_up() -> None:
    rises, one = Rises(), ("of-live", "gaps")
    assert rises.seen(state(stream(gaps=3)), 0.0) == frozenset()
    assert rises.seen(state(stream(gaps=4)), 1.0) == {one}
    assert rises.seen(state(stream(gaps=4)), 3.9) == {one}
    assert rises.seen(state(stream(gaps=4)), 4.1) == frozenset()
    assert rises.seen(state(stream(incarnation="new", gaps=9)), 5.0) == frozenset()


def test_xruns_are_those_of_the_devices_of_the_stream() -> None:
    here = state(stream(), stream("other"), devices=devices())
    assert xruns(here, here["streams"][0]) == 5
    assert xruns(here, here["streams"][1]) is None
    assert xruns(state(stream()), stream()) is None


def test_a_reply_is_seen_before_the_daemon_is_asked_again() -> None:
    picture = Picture("x", state(stream("a"), stream("b")))
    after = turned(picture, "b", {"gains": {"vocals": 2.0}, "bypass": True, "position": 5})
    assert after.state["streams"][0] == picture.state["streams"][0]
    assert after.state["streams"][1] == {**stream("b"), "gains": {"vocals": 2.0}, "bypass": True}
