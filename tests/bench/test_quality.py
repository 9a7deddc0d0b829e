"""`stemd bench quality`: what is scored is what came back, what is judged is that."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from stemd.cli import main
from stemd.commands.songs import Song
from stemd.dsp.plan import WindowPlan
from stemd.separation.scoring import sdr, si_sdr
from stemd_bench import command
from stemd_bench.quality import second_opinion
from stemd_bench.quality.levels import Loudness
from stemd_bench.quality.options import Options
from stemd_bench.quality.plots import _place
from stemd_bench.quality.points import Point
from stemd_bench.quality.songs import MADE_UP, Shelf
from stemd_bench.quality.suite import Quality
from stemd_bench.quality.summary import summaries
from stemd_bench.quality.sums import in_float, in_integers
from stemd_bench.quality.verdicts import conclude
from stemd_bench.results import Measure, Variant
from tests.networks import noise

NAMES = ("exact", "sum", "loss", "level", "joins", "control")


def test_a_wrong_level_costs_sdr_and_no_si_sdr() -> None:
    true, other = noise(5_000, seed=1), noise(5_000, seed=2)
    estimate = true + np.float32(0.1) * other
    assert si_sdr(true, 0.25 * estimate) == pytest.approx(si_sdr(true, estimate), abs=1e-4)
    assert sdr(true, 0.25 * estimate) < sdr(true, estimate) - 10
    assert si_sdr(true, estimate) == pytest.approx(20, abs=0.5)
    assert si_sdr(true, 2 * true) == np.inf
    for ratio in (sdr, si_sdr):
        assert ratio(0 * true, true) == ratio(0 * true, 0 * true) == -np.inf, "a silent stem has no ratio"
    assert si_sdr(true, 0 * true) == -np.inf, "silence is not a perfect estimate"
    assert sdr(true, 0 * true) == 0


def test_the_sum_law_counts_what_breaks_it() -> None:
    mix, vocals = noise(1_000, seed=3), noise(1_000, seed=4)
    instrumental = mix - vocals
    kept = in_float(vocals, instrumental, mix)
    assert (kept.samples, kept.over, kept.worst <= 1) == (2_000, 0, True)
    instrumental[0, 7] += np.float32(1e-5)
    broken = in_float(vocals, instrumental, mix)
    assert (broken.over, broken.worst > 10) == (1, True)
    instrumental[0, 7] = np.nan
    assert in_float(vocals, instrumental, mix).over == 1, "what is no number is no sum"
    silent = np.zeros((2, 1), np.float32)
    faintest = in_float(silent, silent + np.float32(1e-45), silent)
    assert (faintest.over, np.isfinite(faintest.worst)) == (2, True), "silence is silence"
    assert in_float(silent, silent, silent).over == 0


def test_one_rounding_is_allowed_and_two_are_not() -> None:
    half, one = np.full((1, 1), 0.5, np.float32), np.ones((1, 1), np.float32)
    rounded, twice = half + np.float32(2**-23), half + np.float32(2**-22)
    assert (in_float(half, rounded, one).over, in_float(half, rounded, one).worst) == (0, 1)
    assert (in_float(half, twice, one).over, in_float(half, twice, one).worst) == (1, 2)


def test_in_integers_saturation_is_told_from_breaking_the_law() -> None:
    mix = np.array([[30_000, 5, -30_000]], np.int16)
    vocals = np.array([[-10_000, 2, 10_000]], np.int16)
    kept = in_integers(vocals, np.array([[32_767, 3, -32_768]], np.int16), mix)
    assert (kept.samples, kept.over, kept.saturated, kept.worst) == (3, 0, 2, 0)
    broken = in_integers(vocals, np.array([[32_766, 4, -32_768]], np.int16), mix)
    assert (broken.over, broken.saturated, broken.worst) == (2, 2, 1)


def test_a_level_error_is_what_the_separation_adds_and_not_the_scale() -> None:
    mixture = noise(4_000, seed=5)
    fair = Loudness(mixture, lambda x, _: 0.5 * x, 0.5 * mixture)
    assert fair.figures(-60, "f32le")["level_error"] == pytest.approx(0, abs=1e-4)
    assert fair.figures(-60, "f32le")["level_sdr"] > 100
    deaf = Loudness(mixture, lambda x, _: x * min(1.0, float(np.abs(x).max())), mixture)
    assert deaf.figures(-80, "f32le")["level_error"] < -60


def test_bsseval_agrees_with_sdr_where_there_is_nothing_to_forgive() -> None:
    if reason := second_opinion.missing():
        assert "ffmpeg" in reason, "museval itself belongs to what tests need"
        pytest.skip(reason)
    true = {"vocals": noise(16_000, seed=6), "instrumental": noise(16_000, seed=7)}
    estimates = {name: stem + np.float32(0.1) * noise(16_000, seed=8) for name, stem in true.items()}
    found = second_opinion.bsseval(true, estimates, 8_000)
    assert found["vocals"] == pytest.approx(sdr(true["vocals"], estimates["vocals"]), abs=0.6)
    assert set(second_opinion.bsseval({**true, "vocals": 0 * true["vocals"]}, estimates, 8_000)) == {"instrumental"}
    assert second_opinion.bsseval(true, {**estimates, "vocals": 0 * true["vocals"]}, 8_000) == {}, "nor refused"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (ModuleNotFoundError("No module named 'museval'"), "pip install museval"),
        (RuntimeError("ffmpeg could not be found\nInstall it"), "cannot be loaded: ffmpeg could not be found"),
    ],
)
def test_without_bsseval_the_rest_is_measured_and_the_reason_told(
    fault: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise fault

    monkeypatch.setattr(second_opinion.importlib, "import_module", absent)
    reason = second_opinion.missing.__wrapped__()
    assert told in reason
    assert "\n" not in reason


def test_either_of_vocals_and_instrumental_follows_from_the_other(songs: Path, tmp_path: Path) -> None:
    whole = Shelf((songs / "made",), 4.0, ("vocals",)).song("made")
    assert set(whole.stems) == {"vocals", "instrumental"}
    assert np.array_equal(whole.stems["instrumental"], whole.mixture - whole.stems["vocals"])
    assert whole.mixture.shape == (2, 4 * 44_100)
    soundfile.write(tmp_path / "mixture.wav", whole.mixture.T, 44_100, "FLOAT")
    soundfile.write(tmp_path / "accompaniment.wav", whole.stems["instrumental"].T, 44_100, "FLOAT")
    other = Shelf((tmp_path,), 4.0, ("vocals",)).song(tmp_path.name)
    assert np.abs(other.stems["vocals"] - whole.stems["vocals"]).max() < 1e-6
    assert set(Shelf((songs / "made",), 4.0, ("drums", "bass")).song("made").stems) == {"drums", "bass"}


def test_where_there_are_no_songs_one_is_made_up() -> None:
    shelf = Shelf((), 6.0, ("vocals", "drums", "piano"))
    song: Song = shelf.song(*shelf.names)
    assert (song.name, set(song.stems)) == (MADE_UP, {"vocals", "drums", "instrumental"})
    assert sdr(song.stems["vocals"], song.mixture) < 0


def variant(group: str, parameters: Mapping[str, str | float], **measures: float) -> Variant:
    name = f"{group} {'/'.join(map(str, parameters.values()))}"
    return Variant(name, {"group": group, **parameters}, {q: Measure.of([v], "") for q, v in measures.items()})


def score(song: str, way: str, plan: str, sdr_: float, **more: float) -> Variant:
    return variant("score", {"song": song, "stem": "vocals", "way": way, "plan": plan}, sdr=sdr_, si_sdr=1.0, **more)


def met(*variants: Variant) -> dict[str, bool | None]:
    return dict(zip(NAMES, (c.met for c in conclude(variants)), strict=True))


def test_aims_are_judged_by_the_worst_and_what_was_not_tried_is_not_judged() -> None:
    good = (
        score("a", "streamed", "auto", 5.0, differing=0),
        variant("sum", {"plan": "live"}, over=0, samples=100),
        variant("curve", {"plan": "auto"}, curve_loss=0.4, latency=230),
        variant("level", {"level": -60.0}, level_error=-0.3),
        variant("clicks", {"plan": "live"}, click=1.02, chance=1.01, click_p95=1.0),
        variant("clicks", {"plan": "cut off"}, click=1.4, chance=1.02, click_p95=2.6),
    )
    assert set(met(*good).values()) == {True}
    assert set(met().values()) == {None}
    assert met(variant("sum", {"plan": "live"}, over=0, samples=0))["sum"] is None, "of no samples nothing is said"
    assert not met(*good, score("b", "streamed", "live", 5.0, differing=1))["exact"]
    assert not met(*good, variant("sum", {"plan": "fast"}, over=1, samples=100))["sum"]
    assert not met(variant("curve", {"plan": "auto"}, curve_loss=0.6, latency=230))["loss"]
    assert not met(*good, variant("level", {"level": -80.0}, level_error=-0.6))["level"]
    assert not met(*good, variant("clicks", {"plan": "fast"}, click=1.2, chance=1.1, click_p95=1.0))["joins"]
    by_chance = variant("clicks", {"plan": "studio"}, click=1.2, chance=1.6, click_p95=1.0)
    assert met(*good, by_chance)["joins"], "three joins may come out so by chance"
    assert not met(*good[:-1], variant("clicks", {"plan": "cut off"}, click=1.0, chance=1.02, click_p95=1.0))["control"]


def test_only_what_is_to_get_better_is_judged() -> None:
    """What must click, does not get better by clicking less."""
    clicks = [variant("clicks", {"plan": plan}, click=1.0) for plan in ("live", "cut off")]
    judged = [msgspec.structs.replace(v, measures={"click": Measure.of([1.0], "", "lower")}) for v in clicks]
    suite = Quality(Options(songs=Path("nowhere")))
    assert [v.measures["click"].better for v in suite.derive(judged)] == ["lower", None]


def test_a_plan_that_the_daemon_refuses_has_no_latency_and_is_drawn_at_its_own() -> None:
    plan = WindowPlan(8_192, 2_048, 512, 1_024)
    points = [Point(str(declared), plan, 99.0, declared, streamed=False) for declared in (True, False)]
    window = 1e3 * plan.latency / 44_100
    figures = [point.figures(44_100) for point in points]
    assert figures == [{"window": pytest.approx(window), "latency": 99.0}, {"window": pytest.approx(window)}]
    curve = [variant("curve", {"plan": "auto", "declared": 0}, curve_loss=0.1, **one) for one in figures]
    assert [_place(v)[0] for v in curve] == [pytest.approx(0.099), pytest.approx(window / 1e3)]
    assert [met(v)["loss"] for v in curve] == [True, True]


def test_mean_and_median_are_over_the_songs() -> None:
    scores = [score(song, "offline", "studio", v) for song, v in (("a", 2.0), ("b", 8.0), ("c", 11.0))]
    scores += [score(song, "streamed", "live", v) for song, v in (("a", 1.0), ("b", 8.0), ("c", 10.0))]
    by_name = {v.name: v.measures for v in summaries(scores)}
    live = by_name["vocals: live, streamed"]
    assert (live["sdr_mean"].median, live["sdr_median"].median) == (pytest.approx(19 / 3), 8.0)
    assert live["loss"].median == pytest.approx(2 / 3)
    assert by_name["vocals: studio, offline"]["loss"].median == 0


def test_ways_are_compared_over_the_songs_that_all_of_them_have() -> None:
    scores = [score("a", way, "", v) for way, v in (("mixture", -2.0), ("streamed", 4.0))]
    scores += [score("all vocals", "streamed", "", 40.0)]  # the mixture is the stem: there is no finite ratio
    by_way = {str(v.parameters["way"]): v.measures["sdr_mean"].median for v in summaries(scores)}
    assert by_way == {"mixture": -2.0, "streamed": 4.0}


def test_what_is_silent_is_not_scored_and_a_song_of_silence_is_left_out(songs: Path, tmp_path: Path) -> None:
    shutil.copytree(songs / "made", tmp_path / "made")
    loud, quiet = 0.1 * np.ones((44_100, 2)), np.zeros((44_100, 2))
    for name, mixture in (("instrumental", loud), ("silence", quiet)):
        (tmp_path / name).mkdir()
        for stem, samples in (("mixture", mixture), ("vocals", quiet)):
            soundfile.write(tmp_path / name / f"{stem}.flac", samples, 44_100)
    suite = Quality(Options(songs=tmp_path))
    assert suite._songs(lambda _: None) == {"instrumental": ("instrumental",), "made": ("vocals", "instrumental")}
    assert [one.name for one in suite.skipped] == ["silence"]


@pytest.mark.parametrize(
    "words", [["--songs", "nowhere"], ["--plan", ","], ["--model", "none-such"], ["--plot", __file__]]
)
def test_what_cannot_be_measured_or_kept_is_refused_in_one_line_before_it_is_tried(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "measure", lambda *_, **__: pytest.fail("it was tried"))
    assert main(["bench", "quality", *words]) in (1, 78)
    assert capsys.readouterr().err.count("\n") == 1
