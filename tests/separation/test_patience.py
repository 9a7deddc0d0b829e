"""How long a run is waited for, and how long what failed is left alone. Without clocks."""

import pytest

from stemd.separation.patience import BackOff, Habits, Patience


def test_a_run_is_late_after_three_times_what_is_usual_and_never_before_twenty_milliseconds() -> None:
    patience = Patience()
    assert patience.late(0.1) == pytest.approx(0.3)
    assert patience.late(0.001) == 0.02
    assert patience.late(None) == 1.0, "nobody knows what it takes"


def test_others_wait_for_eight_times_what_is_usual_whatever_their_deadlines() -> None:
    patience = Patience()
    assert patience.enough(0.1) == pytest.approx(0.8)
    assert patience.enough(0.001) == 0.25
    assert patience.enough(None) == 8.0


def test_a_run_hangs_after_a_limit_that_a_slow_network_moves() -> None:
    patience = Patience(due=5.0, free=30.0)
    assert patience.hung(0.01, due=True) == 5.0
    assert patience.hung(None, due=False) == 30.0
    assert patience.hung(10.0, due=False) == 80.0, "eight times as long as usual, so that what is slow may go on"


def test_what_fails_again_and_again_waits_twice_as_long_each_time_up_to_a_minute() -> None:
    back_off, pauses = BackOff(free=1), []
    for _ in range(10):
        back_off.failed("network", 100.0)
        pauses.append(back_off.pause("network", 100.0))
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert back_off.pause("network", 130.0) == 30
    assert back_off.pause("another", 100.0) == 0
    back_off.succeeded("network")
    assert back_off.pause("network", 100.0) == 0


def test_a_habit_is_the_middle_of_the_last_few_runs() -> None:
    habits = Habits()
    assert habits.usual("a") is None
    for seconds in (9.0, 9.0, 0.1, 0.2, 0.3, 7.0, 0.2):
        habits.note("a", seconds)
    assert habits.usual("a") == 0.2


def test_habits_are_remembered_of_the_latest_kinds_alone() -> None:
    habits = Habits()
    for length in range(5_000):
        habits.note(length, 1.0)
    assert habits.usual(0) is None
    assert habits.usual(4_999) == 1.0
    assert len(habits._seconds) <= 1_024
