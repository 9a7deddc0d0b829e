"""`stemd bench quality --choices` and `--curve`: what is taken back is that and nothing else."""

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from stemd.errors import ConfigError
from stemd_bench.machine import Machine
from stemd_bench.quality.choices import Choices, Silent, Whole
from stemd_bench.quality.curve import Curve
from stemd_bench.quality.judge import Judge, no_change
from stemd_bench.quality.options import Options
from stemd_bench.results import Measure, Report, Variant

MACHINE = Machine("Z80", 1, 0.1, "CP/M", "CPython 3", {"numpy": "2"}, "0", "1976-07-01T00:00:00+00:00", 0.0)


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


@pytest.mark.slow
def test_each_choice_and_each_point_of_the_curve_is_a_plan_that_the_model_can_run(songs: Path) -> None:
    options = Options(songs=songs, quick=True)
    choices = Choices(options)
    assert len({case.name for case in choices.cases}) == len(choices.cases) >= 10
    for name in ("live", "fast"):
        live = choices._judge.model.manifest.plans[name].window()
        plans = [plan for _, plan, around, _ in choices._rows(live) if around is no_change]
        assert len(set(plans)) == len(plans) >= 4, "none is measured twice"
    curve = Curve(options)
    case = curve.cases[0]
    found = case.run()
    lengths = [int(case.parameters[length]) for length in ("hop", "overlap", "lookahead")]
    assert found["window"] == pytest.approx(1e3 * sum(lengths) / 44_100)
    assert found["sdr"] == found["sdr_made"]
    assert set(found) <= set(curve.units)


@pytest.mark.slow
def test_a_song_that_is_silent_where_it_is_scored_is_left_out_and_said_to_be(songs: Path, tmp_path: Path) -> None:
    """Its SDR would be minus infinity, and so the mean of all."""
    shutil.copytree(songs / "made", tmp_path / "made")
    (tmp_path / "late").mkdir()
    for name, samples in (("mixture", np.ones((44_100, 2)) / 9), ("vocals", np.zeros((44_100, 2)))):
        soundfile.write(tmp_path / "late" / f"{name}.flac", samples, 44_100)
    curve = Curve(Options(songs=tmp_path, quick=True))
    with curve.prepared(lambda _: None):
        found = curve.cases[0].run()
    assert found["sdr"] == found["sdr_made"]
    assert "sdr_late" not in found
    assert [one.name for one in curve.skipped] == ["late"]
    shutil.rmtree(tmp_path / "made")
    choices = Choices(Options(songs=tmp_path, quick=True))
    with choices.prepared(lambda _: None):
        assert [one.name for one in choices.skipped] == ["late"]
    with pytest.raises(ConfigError, match="no song there has a stem"), Curve(Options(songs=tmp_path)).prepared(print):
        pass


def test_each_line_of_the_curve_is_drawn_and_the_named_plan_told(songs: Path) -> None:
    curve = Curve(Options(songs=songs, quick=True))
    variants = tuple(
        Variant(case.name, dict(case.parameters), {q: Measure.of([n + 1.0], "") for q in ("window", "loss")})
        for n, case in enumerate(curve.cases)
    )
    report = Report(suite="curve", quick=True, repeats=1, machine=MACHINE, method=(), variants=variants, conclusions=())
    assert "fast" in {v.parameters["plan"] for v in variants}
    (whole,) = curve.plots(report)
    assert whole == curve.plots(report)[0]
    for left_out in range(0, len(variants), 4):
        rest = variants[:left_out] + variants[left_out + 1 :]
        assert curve.plots(msgspec.structs.replace(report, variants=rest))[0].svg != whole.svg
