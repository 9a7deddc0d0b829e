"""Clicks at the joins: what is cut off is found, what is joined is not, and chance is told from both."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp.plan import WindowPlan
from stemd.separation import manifest as manifests
from stemd.separation.offline import separate
from stemd.separation.scoring import sdr
from stemd.separation.store import Model, find
from stemd_bench.network.aggregation import article, join
from stemd_bench.quality.article import as_in_the_article, unjoined, whole_segment
from stemd_bench.quality.joins import PLACES, STEP, WINDOW, Roughness, figures, flux, joins_of, pooled, roughness
from stemd_bench.quality.points import Point, article_latency
from tests.graphs import copying_model
from tests.networks import FunctionSpecialist, copy

PLAN = WindowPlan(8_192, 2_048, 512, 1_024)
RATE = 44_100


def tones(frames: int, seed: int = 0) -> Float32Array:
    """Chords without onsets, other ones in each channel."""
    pitch = np.random.default_rng(seed).uniform(80, 2_000, (2, 8, 1))
    chord: Float32Array = np.sin(2 * np.pi * pitch * np.arange(frames) / RATE).sum(axis=1).astype(np.float32) / 16
    return chord


def leaning(x: Float32Array) -> Float32Array:
    """Another level at each place of the segment, so that neighbours differ where they meet."""
    return x * np.linspace(0.5, 1, x.shape[1], dtype=np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """The manifest alone counts here: of kind waveform."""
    found = copying_model(tmp_path, frames=8_192)
    rows = {name: manifests.PlanRow(**lengths) for name, lengths in _rows().items()}
    return replace(found, manifest=msgspec.structs.replace(found.manifest, **rows))


def _rows() -> dict[str, dict[str, int]]:
    return {
        "live": {"segment": 8_192, "hop": 2_048, "overlap": 512, "lookahead": 1_024},
        "studio": {"segment": 8_192, "hop": 6_144, "overlap": 2_048, "lookahead": 0},
    }


def test_flux_is_where_something_begins() -> None:
    samples = np.zeros((2, 20_000), np.float32)
    samples[:, 9_600:] = tones(10_400)
    found = flux(samples)
    assert abs(int(found.argmax()) * STEP - 9_600) <= WINDOW
    assert not found[: (9_600 - WINDOW) // STEP].any()
    assert flux(samples[:, : WINDOW - 1]).size == 0


def test_joins_are_where_a_segment_begins_to_be_heard_and_where_one_has_faded_out() -> None:
    assert joins_of(PLAN, 6_000) == [2_048, 2_560, 4_096, 4_608]
    assert joins_of(replace(PLAN, overlap=0), 6_000) == [2_048, 4_096]
    assert joins_of(PLAN, 6_531, scale=48_000 / 44_100) == [2_229, 2_786, 4_458, 5_016]


def test_segments_that_are_cut_off_click_and_crossfaded_ones_do_not(model: Model) -> None:
    mixture, specialist = tones(200_000), FunctionSpecialist(leaning, names=("vocals",))
    joined = separate(mixture, RATE, [specialist], PLAN, RATE, spectral=False)["vocals"]
    cut, plan = unjoined(mixture, model, [specialist], ("vocals",))
    assert cut["vocals"].shape == mixture.shape
    rough = roughness(cut["vocals"], joins_of(plan, mixture.shape[1]), plan.hop)
    found = figures(rough)
    assert found["click"] > max(1.5, found["chance"])
    assert np.percentile(rough.elsewhere, 99) < np.median(rough.joins), "elsewhere is not beside a join"
    fine = figures(roughness(joined, joins_of(PLAN, mixture.shape[1]), PLAN.hop))
    assert fine["click"] < 0.5 * found["click"]


def test_without_joins_chance_is_all_there_is() -> None:
    """Noise is cut at no place, so one that is taken for a join stands out no more than chance allows."""
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 400_000)).astype(np.float32)
    found = figures(roughness(noise, joins_of(PLAN, 400_000), PLAN.hop))
    assert found["chance_low"] < found["click"] < found["chance"] < 1.1
    few = figures(roughness(noise, joins_of(PLAN, 400_000)[:6], PLAN.hop))
    assert few["chance"] > found["chance"], "of few joins chance makes more"


def test_a_click_is_the_flux_at_joins_in_multiples_of_that_elsewhere() -> None:
    found = figures(Roughness(np.full(9, 6.0), np.full((9, PLACES), 2.0)))
    assert found == {"click": 3, "click_p95": 3, "chance": 1, "chance_low": 1, "joins": 9}


def test_silence_and_shortness_give_no_figures_and_no_warnings() -> None:
    for samples in (np.zeros((2, 50_000), np.float32), tones(WINDOW - 1), tones(1_000)):
        assert figures(pooled([roughness(samples, joins_of(PLAN, samples.shape[1]), PLAN.hop)])) == {}


def test_the_articles_way_gives_back_what_a_network_copies(model: Model) -> None:
    mixture = tones(30_000)
    found = as_in_the_article(mixture, model, [FunctionSpecialist(copy, names=("vocals",))], ("vocals",))
    assert sdr(mixture, found["vocals"]) > 100
    assert whole_segment(model).hop == 8_192


def test_the_article_waits_for_a_segment_and_for_what_the_daemon_adds_to_studio(model: Model) -> None:
    plan = model.manifest.studio.window()
    points = [Point("studio", plan, 1e3 * plan.latency / RATE + 300, declared=True, streamed=False)]
    assert article_latency(model, points) == pytest.approx(1e3 * 8_192 / RATE + 300)


def test_on_a_grid_the_articles_segments_are_those_of_a_recording_that_long() -> None:
    shipped = find("spleeter-vocals")
    plan = whole_segment(shipped)
    shipped.check(plan)
    assert plan.segments(plan.hop) == 1
    assert plan.hop % 4 == 0
    assert 0 < shipped.manifest.studio.segment - plan.hop <= 4_096


def test_the_article_weighs_four_estimates_of_a_frame(model: Model) -> None:
    mixture, counted = tones(40_000), []

    def counting(x: Float32Array) -> Float32Array:
        counted.append(x)
        return leaning(x)

    found = as_in_the_article(mixture, model, [FunctionSpecialist(counting, names=("vocals",))], ("vocals",))
    assert len(counted) == article(8_192).runs(40_000) == 20
    assert np.allclose(found["vocals"], join(mixture, article(8_192), leaning), atol=1e-6)
