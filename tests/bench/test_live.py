"""`stemd bench live`, `--choices`, `--curve`, `soak`: what is counted is what was heard, what is judged is that."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from stemd.cli import main
from stemd_bench.live.choices import Choices, Silent, Whole
from stemd_bench.live.curve import Curve
from stemd_bench.live.figures import figures
from stemd_bench.live.histogram import draw, lines
from stemd_bench.live.options import Options
from stemd_bench.live.quality import Judge
from stemd_bench.live.task import Result
from stemd_bench.live.verdicts import conclude
from stemd_bench.results import Measure, Report, Variant
from stemd_bench.song import make_song

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
    assert figures(result(late=[])) == {}


def test_what_is_allocated_at_the_start_is_no_growth() -> None:
    warm = [50.0] * 20 + [100.0 + n / 7200 for n in range(180)]  # half a second each: 1 MiB an hour
    assert figures(result(memory=warm))["memory_growth"] == pytest.approx(1.0)


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


def test_every_block_stands_in_the_histogram(tmp_path: Path) -> None:
    late = [*np.random.default_rng(0).gamma(2.0, 1.0, 5_000), 400.0]
    told = lines(late)
    assert sum(int(line.split("ms")[1].split()[0]) for line in told) == len(late)
    assert len(told) < 20
    assert sum(int(line.split("ms")[1].split()[0]) for line in lines([0.5])) == 1
    draw({"auto": late}, {"auto": 240.0}, tmp_path / "x.svg")
    assert "declared, 240.0 ms" in (tmp_path / "x.svg").read_text() or (tmp_path / "x.svg").stat().st_size > 1_000


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    (folder / "made").mkdir()
    for name, samples in make_song(44_100, 6.0).items():
        soundfile.write(folder / "made" / f"{name}.flac", samples.T, 44_100)
    return folder


@pytest.mark.slow
def test_choices_are_undone_around_the_network_and_nowhere_else(songs: Path) -> None:
    judge = Judge([songs / "made"], 3.2)  # the voice comes in after 2.3 s
    live = judge.model.manifest.live.window()
    frames = live.segment // 1_024 - 1
    as_shipped = judge.scores(live)["made"]
    assert judge.scores(live, Whole)["made"] == pytest.approx(as_shipped, abs=1e-3), "the same masks, more of them"
    assert judge.scores(live, lambda n: Silent(n, frames))["made"] != pytest.approx(as_shipped, abs=0.01)
    full = replace(live, segment=257 * 1_024)
    untouched = judge.scores(full)["made"]
    assert judge.scores(full, lambda n: Silent(n, 256))["made"] == untouched, "where nothing was mirrored"


def test_each_choice_and_each_point_of_the_curve_is_a_plan_that_the_model_can_run(songs: Path, tmp_path: Path) -> None:
    options = Options(songs=songs, quick=True)
    choices = Choices(options)
    assert len({case.name for case in choices.cases}) == len(choices.cases) >= 10
    curve = Curve(options, tmp_path / "curve.svg")
    case = curve.cases[0]
    found = case.run()
    lengths = [int(case.parameters[length]) for length in ("hop", "overlap", "lookahead")]
    assert found["window"] == pytest.approx(1e3 * sum(lengths) / 44_100)
    assert found["sdr"] == found["sdr_made"]
    assert set(found) <= set(curve.units)


@pytest.mark.slow
def test_a_stream_is_played_measured_and_judged(songs: Path, tmp_path: Path) -> None:
    """A real daemon and a real client, for a few seconds; whether aims are met is the machine's affair."""
    file, plot = tmp_path / "live.json", tmp_path / "live.svg"
    words = ["--quick", "--seconds", "5", "--plan", "live,swift", "--songs", str(songs), "--plot", str(plot)]
    assert main(["bench", "live", *words, "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    by_name = {v.name: v.measures for v in report.variants}
    stream = by_name["live at 44.1 kHz"]
    if stream:  # a machine that is busy enough refuses the plan, and says so
        assert stream["latency_p50"].median >= stream["declared"].median - 1
        assert stream["blocks"].median == round(5 * 44_100 / 256)
        assert plot.stat().st_size > 1_000
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
    assert [c.met for c in report.conclusions][2] is None, "ten seconds tell nothing of memory"


@pytest.mark.parametrize(
    "words",
    [
        ["live", "--seconds", "1"],
        ["live", "--rate", "8000"],
        ["live", "--songs", "nowhere"],
        ["soak", "--seconds", "1"],
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 78
    assert capsys.readouterr().err.count("\n") == 1
