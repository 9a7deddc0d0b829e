"""`stemd bench quality` as a whole: real daemons and sockets, a network that copies, the shipped one, and its plots."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from stemd.audio import Float32Array, quantise
from stemd.cli import main
from stemd.commands.songs import Song
from stemd.dsp.plan import WindowPlan
from stemd.separation import manifest as manifests
from stemd_bench.plots import Plot
from stemd_bench.quality import second_opinion
from stemd_bench.quality.judge import Judge
from stemd_bench.quality.options import Options
from stemd_bench.quality.passes import Passes
from stemd_bench.quality.plots import plots
from stemd_bench.quality.songs import MADE_UP, Shelf
from stemd_bench.quality.streaming import Wanted, Way
from stemd_bench.quality.suite import Quality
from stemd_bench.results import Report, Variant
from tests.graphs import copying_model, store

NAMES = ("exact", "sum", "loss", "level", "joins", "control")


@pytest.fixture(scope="module")
def copying(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a model that gives the mixture as each of two stems, with a crossfade and a lookahead."""
    data = tmp_path_factory.mktemp("data")
    folder = data / "stemd" / "models" / "copy"
    folder.mkdir(parents=True)
    model = copying_model(folder, stems=2, frames=8_192)
    (entry,) = model.manifest.specialists
    row = manifests.PlanRow(segment=8_192, hop=2_048, overlap=512, lookahead=1_024)
    changed = msgspec.structs.replace(
        model.manifest,
        specialists=(msgspec.structs.replace(entry, stems=("vocals", "drums")),),
        live=row,
        studio=manifests.PlanRow(segment=8_192, hop=6_144, overlap=2_048, lookahead=0),
    )
    store(replace(model, manifest=changed))
    return data


class Tampering:
    """In a daemon's place: gives what the offline composition gives, but for some samples of each stem."""

    def __init__(self, judge: Judge, samples: int) -> None:
        self.passes, self.samples = Passes(judge, Way("", "copy"), second=False), samples

    def hear(
        self, mixture: Float32Array, rate: int, plan: WindowPlan, wanted: Sequence[Wanted]
    ) -> Mapping[Wanted, Any]:
        stems = dict.fromkeys(("vocals", "drums"), mixture)
        vocals, drums = self.passes.estimates(Song("", mixture, rate, stems), plan).values()
        heard = {"vocals": vocals, "drums": drums, "instrumental": mixture - vocals, "mix": mixture}
        for stem in ("vocals", "drums", "instrumental"):
            heard[stem][0, 100 : 100 + self.samples] += np.float32(0.01)
            heard[stem][:, 0] = 0
            heard[stem][0, 0] = -0.0 if self.samples else 0.0  # silent there: equal, but not to the bit
        return {(stem, fmt): quantise(heard[stem]) if fmt == "s16le" else heard[stem] for stem, fmt in wanted}


@pytest.mark.parametrize("samples", [0, 3])
def test_every_sample_that_differs_is_counted(
    samples: int, copying: Path, songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(copying))
    judge = Judge((), 1.0, "copy")
    song = Shelf((songs / "made",), 1.0, ("vocals", "drums")).song("made")
    way: Any = Tampering(judge, samples)
    plan = judge.model.manifest.live.window()
    found = Passes(judge, way, second=False).streamed(song, plan, compare=True)
    assert found.differing == (samples and samples + 1) * 3, "in vocals, drums and what is left"


@pytest.fixture(scope="module")
def report(copying: Path, songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of a real daemon and sockets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(copying))
        file = tmp_path_factory.mktemp("report") / "quality.json"
        words = ["--quick", "--model", "copy", "--plan", "studio,live,swift", "--songs", str(songs)]
        assert main(["bench", "quality", *words, "--json", str(file)]) == 0
    return msgspec.json.decode(file.read_bytes(), type=Report)


@pytest.mark.slow
def test_what_copies_scores_as_the_mixture_does(report: Report) -> None:
    by_name = {v.name: v.measures for v in report.variants}
    for stem in ("vocals", "drums"):
        mixture = by_name[f"made, {stem}: mixture"]["sdr"].median
        for plan in ("studio", "live"):
            streamed = by_name[f"made, {stem}: {plan}, streamed"]
            assert streamed["sdr"].median == pytest.approx(mixture, abs=0.01)
            assert streamed["differing"].median == 0
    assert by_name["sum law: live, float32"]["samples"].median == 2 * 5 * 44_100
    assert by_name["sum law: live, 16 bits"]["over"].median == 0
    assert by_name["clicks: live, vocals"]["joins"].median > 100
    assert by_name["level: made, -60 dBFS, float32"]["level_error"].median == pytest.approx(0, abs=0.01)
    assert by_name["level: made, -80 dBFS, 16 bits"]["level_sdr"].median < 40, "two bits are left"
    assert ("bsseval" in by_name["made, drums: studio, offline"]) == (not second_opinion.missing())


@pytest.mark.slow
def test_a_plan_that_is_none_is_left_out_and_said_to_be(report: Report) -> None:
    assert any("swift" in one.name and "no plan" in one.reason for one in report.skipped)
    curve = {v.parameters["plan"]: v for v in report.variants if v.parameters["group"] == "curve"}
    assert set(curve) == {"studio", "live", "article"}
    for variant_ in curve.values():
        assert variant_.measures["latency"].median >= variant_.measures["window"].median
    assert dict(zip(NAMES, (c.met for c in report.conclusions), strict=True)) == {
        "exact": True,
        "sum": True,
        "loss": None,
        "level": True,
        "joins": True,
        "control": False,  # a copy has no joins to be heard, however it is cut
    }


@pytest.mark.slow
def test_plots_are_drawn_from_the_report_alone_and_show_all_of_it(report: Report) -> None:
    again = msgspec.json.decode(msgspec.json.encode(report), type=Report)
    drawn: list[Plot] = list(plots(again))
    assert [one.svg for one in drawn] == [one.svg for one in plots(report)]
    assert [one.name for one in drawn] == ["quality-latency", "quality-sdr", "quality-level", "quality-clicks"]
    assert plots(msgspec.structs.replace(report, variants=())) == []


@pytest.mark.slow
def test_the_shipped_model_separates_and_would_click_if_it_were_cut_off(songs: Path, tmp_path: Path) -> None:
    words = ["--quick", "--plan", "studio", "--songs", str(songs), "--plot", str(tmp_path / "plots")]
    assert main(["bench", "quality", *words, "--json", str(tmp_path / "quality.json")]) == 0
    found = json.loads((tmp_path / "quality.json").read_text())
    by_name = {v["name"]: v["measures"] for v in found["variants"]}
    assert by_name["vocals: studio, offline"]["sdr_mean"]["median"] > by_name["vocals: mixture"]["sdr_mean"]["median"]
    assert by_name["made, vocals: studio, streamed"]["differing"]["median"] == 0
    assert by_name["clicks: cut off, vocals"]["click"]["median"] > 1.1
    assert len(list((tmp_path / "plots").iterdir())) == 4


def test_a_song_that_was_made_up_is_said_to_be() -> None:
    suite = Quality(Options(songs=Path("nowhere")))
    case = Variant("x", {"group": "score", "song": MADE_UP}, {})
    assert "made up" in suite.remarks([case])[0]
    assert suite.remarks([Variant("x", {"group": "score", "song": "a"}, {})]) == ()
