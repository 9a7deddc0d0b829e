"""What cases give becomes measures, distributions and series, and nothing is lost on the way to report and screen."""

import argparse
import io
import math
import sys
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from stemd_bench import suite as suites
from stemd_bench.command import _command
from stemd_bench.report import as_json, number, show
from stemd_bench.results import Conclusion, Distribution, Measure, Report, Series, Variant
from stemd_bench.suite import Case, Figures, Suite
from tests.bench.reports import report

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)
OUTLIER = [*np.linspace(1.0, 2.0, 5_000), 4_000.0]


class TestDistribution:
    @given(st.lists(NUMBERS, min_size=1, max_size=50))
    @example([3.5])
    @example([2.0] * 9)
    @example([0.0, 1.0])
    @example(OUTLIER)
    @example([-1e9, *range(100), 1e9])
    def test_every_value_is_in_a_bin(self, values: list[float]) -> None:
        found = Distribution.of(np.array(values), "ms")
        assert sum(found.counts) == found.count == len(values)
        assert len(found.edges) == len(found.counts) + 1
        assert all(left < right for left, right in zip(found.edges, found.edges[1:], strict=False))
        assert found.edges[0] == found.low == min(values)
        assert found.high == max(values)
        assert found.low <= found.p50 <= found.p95 <= found.p99 <= found.high <= found.edges[-1]

    def test_percentiles_are_those_of_the_values(self) -> None:
        found = Distribution.of(np.arange(101.0), "ms")
        assert (found.low, found.p50, found.p95, found.p99, found.high) == (0, 50, 95, 99, 100)

    def test_an_outlier_does_not_squeeze_the_others_into_one_bin(self) -> None:
        found = Distribution.of(np.array(OUTLIER), "ms")
        assert sum(count > 0 for count in found.counts) > 50
        assert found.counts[-1] < 10

    def test_it_is_read_back_as_it_was_written(self) -> None:
        found = report("s", Variant("v", {}, {}, {"late": Distribution.of(np.array(OUTLIER), "ms")}))
        assert msgspec.json.decode(as_json(found), type=Report) == found


class TestSeries:
    def test_few_values_stay_as_they_are(self) -> None:
        assert Series.of(np.array([3.0, 1.0]), 0.5, "%") == Series("%", 0.5, (3.0, 1.0))

    @pytest.mark.parametrize("count", [241, 1_000, 5_001])
    def test_many_are_taken_together_and_the_highest_is_kept(self, count: int) -> None:
        values = np.random.default_rng(0).normal(size=count)
        found = Series.of(values, 0.5, "%")
        assert len(found.values) <= 240
        assert max(found.values) == values.max()
        assert found.every * len(found.values) == pytest.approx(0.5 * count, rel=0.01)

    def test_a_percentile_is_of_as_many_as_are_asked_for(self) -> None:
        found = Series.of(np.arange(100.0), 1.0, "ms", percentile=50, least=50)
        assert (found.every, found.values) == (50.0, (24.5, 74.5))


class Giving(Suite):
    """A suite whose case gives, each time, what it is told to."""

    name = "giving"
    method: tuple[str, ...] = ()
    units: Mapping[str, str] = {"late": "ms", "over": "%", "once": "s"}
    headings: Sequence[Mapping[str, str]] = ({"late": "late", "late:p99": "p99", "late:high": "max", "gone:p50": "-"},)

    def __init__(self, *given: Figures) -> None:
        self.repeats, self.given = len(given), list(given)

    @property
    def cases(self) -> Sequence[Case]:
        return [Case("case", {}, lambda: self.given.pop(0))]

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        return ()


def taken(*given: Figures) -> Variant:
    (variant,) = suites.run(Giving(*given), lambda _: None)
    return variant


class TestRunning:
    def test_arrays_of_all_repeats_are_one_distribution(self) -> None:
        found = taken({"late": np.arange(60.0)}, {"late": np.arange(60.0, 101.0)})
        assert found.distributions == {"late": Distribution.of(np.arange(101.0), "ms")}
        assert not found.measures

    def test_a_repeat_in_which_nothing_came_takes_nothing_away(self) -> None:
        assert taken({"late": np.array([])}, {"late": np.ones(3)}).distributions["late"].count == 3
        assert not taken({"late": np.array([])}).distributions

    def test_of_series_the_last_is_kept(self) -> None:
        first, last = Series("%", 1.0, (1.0,)), Series("%", 1.0, (2.0,))
        assert taken({"over": first}, {"over": last}).series == {"over": last}

    def test_what_is_infinite_or_no_number_is_left_out_for_no_file_could_hold_it(self) -> None:
        found = taken({"once": math.inf, "over": math.nan}, {"once": 2.0, "over": -math.inf})
        assert found.measures == {"once": Measure.of([2.0], "s")}
        assert msgspec.json.decode(as_json(report("giving", found)), type=Report).variants == (found,)

    def test_what_only_some_repeats_give_is_kept_too(self) -> None:
        found = taken({"once": 2.0, "late": np.ones(3)}, {})
        assert found.measures == {"once": Measure.of([2.0], "s")}
        assert found.distributions["late"].count == 3


def test_the_screen_shows_percentiles_of_distributions() -> None:
    screen = io.StringIO()
    found = report("giving", taken({"late": np.arange(101.0)}))
    show(found, Giving.headings, Console(file=screen, width=100))
    lines = [line.split() for line in screen.getvalue().splitlines()]
    assert lines[0] == ["giving", "late", "p99", "max"], "no column for what no case has"
    assert ["case", "50", "99", "100"] in lines


@pytest.mark.parametrize(
    ("out", "json", "plot"),
    [
        ([], None, None),
        (["--json"], "-", None),
        (["--json", "-"], "-", None),
        (["--json", "a file"], "a file", None),
        (["--json=a file"], "a file", None),
        (["--js", "a file"], "a file", None),
        (["--plot", "a folder", "--json"], "-", "a folder"),
        (["--json", "--plo=a folder"], "-", "a folder"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_the_command_in_a_report_says_all_but_where_the_report_goes(
    out: list[str], json: str | None, plot: str | None, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--songs", "my songs", "--quick"]
    monkeypatch.setattr(sys, "argv", ["/usr/bin/stemd", "bench", "live", *(out + words if before else words + out)])
    assert _command(argparse.Namespace(json=json, plot=plot)) == "stemd bench live --songs 'my songs' --quick"


@pytest.mark.parametrize(
    ("value", "text"),
    [(12, "12"), (0.0003, "0.0003"), (-0.00021, "-0.0002"), (0.0123, "0.012"), (1.234, "1.23"), (45.67, "45.7")],
)
def test_a_number_that_is_small_is_not_shown_as_nothing(value: float, text: str) -> None:
    assert number(value) == text
