"""`stemd bench live`, `soak`: what is counted is what was heard, what is judged is that."""

import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stemd.cli import main
from stemd_bench.live.figures import figures
from stemd_bench.live.histogram import lines
from stemd_bench.live.options import suite
from stemd_bench.live.task import Result
from stemd_bench.live.verdicts import conclude
from stemd_bench.results import Distribution, Measure, Report, Variant
from stemd_bench.soak.figures import OVER_TIME
from stemd_bench.soak.figures import figures as soak_figures
from stemd_bench.soak.options import Options
from stemd_bench.soak.suite import Soak
from stemd_bench.suite import Figure

NAMES = ("declared", "p99", "load", "unbroken", "loss", "fast")


def result(**changes: object) -> Result:
    late = [float(ms) for ms in range(101)]
    words = {"declared": 0.3, "plan": (9, 2, 0, 3), "late": late, "sent": 500, "heard": 499, "loads": [0.2, 0.4]}
    return msgspec.convert(words | changes, Result)


def test_figures_are_of_what_was_heard() -> None:
    found = figures(result(memory=[100.0] * 100))
    assert (found["latency_p50"], found["latency_p99"], found["latency_max"]) == (350.0, 399.0, 400.0)
    assert (found["late_p99"], found["late_max"], found["declared"]) == (99.0, 100.0, 300.0)
    assert (found["load"], found["load_max"]) == pytest.approx((30.0, 40.0))
    assert (found["lost"], found["hop"], found["lookahead"]) == (1.0, 2.0, 3.0)
    assert (found["memory_start"], found["memory"], round(found["memory_growth"], 6)) == (100.0, 100.0, 0.0)
    assert figures(result(refusal="too slow")) == {}


def test_a_stream_of_which_nothing_comes_is_not_unbroken() -> None:
    silent = figures(result(late=[], heard=0))
    assert (silent["lost"], "late" in silent, "declared" in silent) == (500, False, False)
    lost = Variant("auto", {"group": "stream", "plan": "auto"}, measured(silent))
    assert met(variant("auto"), lost)["unbroken"] is False
    (declared, *_), (whole, *rest) = conclude([lost]), Soak(Options()).conclude([lost])
    assert (declared.found, declared.met) == ("nothing came", False)
    assert (whole.found, whole.met) == ("nothing came", False)
    assert [one.met for one in rest] == [None, None]
    assert [one.met for one in Soak(Options()).conclude([Variant("auto", {}, {})])] == [None] * 3, "it was refused"


def test_a_block_that_was_dropped_is_one_and_not_two() -> None:
    assert figures(result(sent=500, heard=499, misplaced=1))["lost"] == 1
    assert figures(result(sent=500, heard=500, misplaced=2))["lost"] == 2


def test_what_is_named_twice_is_played_once() -> None:
    words = {"quick": True, "seconds": None, "songs": None, "beside": False}
    made = suite(Namespace(**words, plan="live,live,auto", rate="48000,48000")).options
    assert (made.plans, made.rates) == (("live", "auto"), (48_000,))


def test_what_is_allocated_at_the_start_is_no_growth() -> None:
    warm = [50.0] * 20 + [100.0 + n / 7200 for n in range(180)]  # half a second each: 1 MiB an hour
    assert figures(result(memory=warm))["memory_growth"] == pytest.approx(1.0)


def measured(found: Mapping[str, Figure]) -> dict[str, Measure]:
    return {quantity: Measure.of([float(value)], "") for quantity, value in found.items()}


def variant(plan: str, group: str = "stream", **measures: float) -> Variant:
    whole = {"declared": 240.0, "late_p99": 4.0, "load": 50.0, "degraded": 0, "lost": 0, "gaps": 0, "blocks": 9}
    found: Mapping[str, float] = {**whole, **measures} if group == "stream" else measures
    parameters: dict[str, str | int | float] = {"group": group, "plan": plan}
    return Variant(f"{plan}, {group}", parameters, {q: Measure.of([v], "") for q, v in found.items()})


def met(*variants: Variant) -> dict[str, bool | None]:
    return dict(zip(NAMES, (c.met for c in conclude(variants)), strict=True))


def test_aims_are_judged_by_the_worst_stream() -> None:
    good = variant("auto"), variant("fast", declared=190.0), variant("auto", "quality", loss=0.3)
    assert set(met(*good).values()) == {True}
    assert not met(*good, variant("auto", declared=351.0))["declared"]
    assert not met(*good, variant("live", late_p99=10.5))["p99"]
    assert not met(*good, variant("live", load=81.0))["load"]
    assert not met(*good, variant("live", degraded=1))["unbroken"]
    assert not met(*good, variant("auto", "quality", loss=0.6))["loss"]
    assert not met(*good, variant("fast", declared=201.0))["fast"]


def test_what_was_not_tried_is_not_judged_and_what_was_refused_is_not_met() -> None:
    assert met(variant("auto")) == {**dict.fromkeys(NAMES, True), "loss": None, "fast": None}
    refused = Variant("fast", {"group": "stream", "plan": "fast"}, {})
    assert met(variant("auto"), refused)["fast"] is False
    assert "costs 0.70 dB" in conclude([variant("fast"), variant("fast", "quality", loss=0.7)])[-1].found


@pytest.mark.parametrize(
    ("changes", "verdicts"),
    [
        ({}, [True, True, True]),
        ({"gaps": 1.0}, [False, True, True]),
        ({"late_p99": 11.0}, [True, False, True]),
        ({"memory_growth": 21.0}, [True, True, False]),
    ],
)
def test_a_soak_is_judged_by_faults_lateness_and_memory(changes: dict[str, float], verdicts: list[bool]) -> None:
    whole = {"degraded": 0.0, "lost": 0.0, "gaps": 0.0, "late_p99": 3.0, "memory_growth": 4.0, **changes}
    assert [one.met for one in Soak(Options(seconds=600)).conclude([Variant("", {}, measured(whole))])] == verdicts


def test_the_lateness_of_a_soak_begins_after_the_seconds_that_are_not_counted() -> None:
    series = soak_figures(result(late=[1.0] * 400, memory=[9.0] * 40), 0, 10.0, 2.0)["late_max_then"]
    assert series.every * len(series.values) == pytest.approx(8.0)


@pytest.mark.parametrize("late", [[*np.random.default_rng(0).gamma(2.0, 1.0, 5_000), 400.0], [0.5], [1.0, 1.0, 2.0]])
def test_every_block_stands_in_the_histogram(late: list[float]) -> None:
    told = lines(Distribution.of(np.array(late), "ms"))
    assert sum(int(line.split("ms")[1].split()[0]) for line in told) == len(late)
    assert len(told) <= 12
    assert float(told[-1].split("to")[1].split("ms")[0]) == pytest.approx(max(late), abs=0.01)


@pytest.mark.slow
def test_a_stream_is_played_measured_and_judged(songs: Path, tmp_path: Path) -> None:
    """A real daemon and a real client, for a few seconds; whether aims are met is the machine's affair."""
    file, plots = tmp_path / "live.json", tmp_path / "plots"
    words = ["--quick", "--seconds", "5", "--plan", "live,swift", "--songs", str(songs), "--plot", str(plots)]
    assert main(["bench", "live", *words, "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    by_name = {v.name: v.measures for v in report.variants}
    stream = by_name["live at 44.1 kHz"]
    (late,) = (v.distributions.get("late") for v in report.variants if v.name == "live at 44.1 kHz")
    if stream:  # a machine that is busy enough refuses the plan, and says so
        assert stream["latency_p50"].median >= stream["declared"].median - 1
        assert stream["blocks"].median == round(5 * 44_100 / 256)
        assert late is not None
        assert 0 < late.count < stream["blocks"].median, "the first two seconds are not in there"
        assert late.p99 == pytest.approx(stream["late_p99"].median)
        assert {path.name for path in plots.iterdir()} == {"live-latency.svg", "live-lateness.svg"}
    assert by_name["studio, SDR"]["loss"].median == 0
    assert by_name["live, SDR"]["sdr"].median > 0
    assert any("swift" in one.reason for one in report.skipped), "a plan that is none is left out, and said to be"
    assert len(report.conclusions) == 6
    assert json.loads(file.read_text())["suite"] == "live"


@pytest.mark.slow
def test_a_soak_has_listeners_that_come_and_go(tmp_path: Path) -> None:
    file = tmp_path / "soak.json"
    assert main(["bench", "soak", "--seconds", "10", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    (measured,) = report.variants
    if not report.skipped:
        assert measured.measures["visits"].median >= 6
        assert measured.measures["memory"].median > 50
        for name in OVER_TIME:
            series = measured.series[name]
            assert 7 < series.every * len(series.values) < 13, "as long as it took"
        assert max(measured.series["late_max_then"].values) == measured.measures["late_max"].median
    assert [c.met for c in report.conclusions][2] is None, "ten seconds tell nothing of memory"


@pytest.mark.parametrize(
    "words",
    [
        ["live", "--seconds", "1"],
        ["live", "--seconds", "nan"],
        ["live", "--rate", "8000"],
        ["live", "--rate", "44100,much"],
        ["live", "--songs", "nowhere"],
        ["soak", "--seconds", "1"],
        ["soak", "--seconds", "nan"],
        ["soak", "--seconds", "inf"],
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 78
    assert capsys.readouterr().err.count("\n") == 1
