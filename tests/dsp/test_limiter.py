import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from stemd.dsp.limiter import Limiter, count_clipped
from tests.networks import blocks, noise

RATE = 48_000
FINITE = st.one_of(
    st.floats(-2, 2, width=32), st.floats(-(2.0**100), 2.0**100, width=32), st.sampled_from([0.989, 0.99, 1e30, -3e38])
)


def through(x: np.ndarray, size: int | str | None = None, **options: float) -> np.ndarray:
    limiter = Limiter(RATE, x.shape[0], **options)
    parts = blocks(x.shape[1], size or x.shape[1])
    return np.concatenate([limiter.push(x[:, part]) for part in parts], axis=1)


def loud(frames: int, seed: int = 0) -> np.ndarray:
    """Noise whose loudness comes and goes, up to four times full scale."""
    swell = np.sin(np.arange(frames) * 2 * np.pi / 9_000) ** 8
    return (noise(frames, seed=seed) * (0.3 + 5 * swell)).astype(np.float32)


def with_probe(peaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gains that `peaks` cause, read from a second channel that is small and constant; and the output."""
    x = np.stack([peaks, np.full_like(peaks, 0.125)]).astype(np.float32)
    out = through(x)
    return out[1, 72:] / 0.125, out


@given(
    x=arrays(np.float32, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=400), elements=FINITE),
    ceiling=st.sampled_from([0.989, 0.5, 1.0]),
    lookahead=st.sampled_from([0.0, 1 / RATE, 0.0005, 0.0015]),
    size=st.sampled_from([1, 7, 64, "random"]),
)
def test_nothing_leaves_above_the_ceiling(x: np.ndarray, ceiling: float, lookahead: float, size: int | str) -> None:
    out = through(x, size, ceiling=ceiling, lookahead_seconds=lookahead)
    assert np.isfinite(out).all()
    assert np.abs(out.astype(np.float64)).max() <= ceiling


@pytest.mark.parametrize("seed", range(5))
def test_loud_music_stays_under_the_ceiling_and_reaches_it(seed: int) -> None:
    x = loud(48_000, seed)
    assert np.abs(x).max() > 3
    peak = np.abs(through(x, 480)).max()
    assert 0.98 < peak <= 0.989


def test_rounding_lifts_nothing_above_the_ceiling() -> None:
    x = np.linspace(1.0, 4.0, 300_000, dtype=np.float32)[np.newaxis]
    for ceiling in (0.989, 0.5, 1.0):
        out = through(x, lookahead_seconds=0.0, ceiling=ceiling).astype(np.float64)
        assert ceiling * (1 - 1e-6) < out.min() <= out.max() <= ceiling


@pytest.mark.parametrize("size", [1, 241, 480, 4_001, "random"])
def test_block_size_does_not_change_a_sample(size: int | str) -> None:
    x = loud(30_000)
    assert np.array_equal(through(x), through(x, size))


@pytest.mark.parametrize("size", [1, 20, 241])
def test_block_size_does_not_change_a_sample_after_a_peak_just_over_the_ceiling(size: int) -> None:
    x = noise(3_000)
    x[1, 1_000] = 0.9895
    assert np.array_equal(through(x), through(x, size))


@pytest.mark.parametrize("lookahead", [0.0, 0.0005, 0.0015, 0.01])
def test_what_is_under_the_ceiling_comes_out_to_the_bit_exactly_delayed(lookahead: float) -> None:
    limiter = Limiter(RATE, 2, lookahead_seconds=lookahead)
    assert limiter.delay == round(RATE * lookahead)
    x = (noise(5_000) / np.float32(0.7) * np.float32(0.988)).astype(np.float32)
    out = limiter.push(x)
    assert np.array_equal(out[:, limiter.delay :], x[:, : 5_000 - limiter.delay])
    assert not out[:, : limiter.delay].any()
    assert (limiter.reduction, limiter.limited) == (1.0, 0)


@pytest.mark.parametrize("size", [64, 480, 20_000])
def test_a_peak_changes_nothing_before_the_lookahead_nor_after_the_release(size: int) -> None:
    at, peak = 6_000, 4.0
    x = np.where(noise(20_000) > 0, 1, -1).astype(np.float32) * Limiter(RATE, 2).ceiling
    x[0, at] = peak
    out = through(x, size)[:, 72:]
    over = at + math.ceil(RATE * 0.08 * math.log(peak / 0.989)) + 2 * 72 + 1
    same = np.all(out == x[:, : out.shape[1]], axis=0)
    assert same[: at - 72].all()
    assert same[over:].all()
    assert not same[at - 30 : over - 300].any()


def test_gain_grows_by_e_in_the_release_time() -> None:
    peaks = np.zeros(20_000)
    peaks[1_000] = 20.0
    gain, _ = with_probe(peaks)
    growth = np.diff(np.log(gain[1_200:10_000]))
    assert np.abs(growth.mean() * RATE * 0.08 - 1) < 1e-3
    assert gain[-1] == 1.0


@pytest.mark.parametrize("peak", [1.2, 4.0, 1e6])
def test_gain_moves_without_clicks(peak: float) -> None:
    peaks = np.zeros(9_000)
    peaks[[2_000, 2_040, 2_500, 6_000]] = peak, -peak, peak / 2, peak
    gain, _ = with_probe(peaks)
    # Two averages of 37 frames: what a smooth ramp over the 72 frames of the look-ahead gives.
    assert np.abs(np.diff(gain, 2)).max() <= 2 * (1 - gain.min()) / 37**2 + 3e-7
    assert np.diff(gain).min() >= -(1 - gain.min()) / 36


def test_gain_is_down_when_the_peak_comes_out_and_no_lower_than_it_must_be() -> None:
    peaks = np.zeros(4_000)
    peaks[2_000] = 2.0
    gain, out = with_probe(peaks)
    assert abs(out[0, 2_072] - 0.989) < 1e-6
    assert abs(gain.min() - 0.989 / 2) < 1e-6


def test_channels_are_limited_alike() -> None:
    x = np.stack([loud(9_000)[0], 0.01 * noise(9_000, 1)[0]])
    out = through(x)
    audible = np.abs(x[:, : 9_000 - 72]).min(axis=0) > 1e-4
    gains = out[:, 72:][:, audible] / x[:, : 9_000 - 72][:, audible]
    assert np.allclose(gains[0], gains[1], rtol=1e-6)
    assert gains.min() < 0.5


def test_silence_stays_silence() -> None:
    limiter = Limiter(RATE, 2)
    limiter.push(loud(4_800))
    limiter.push(np.zeros((2, limiter.delay), np.float32))
    for _ in range(100):
        assert not limiter.push(np.zeros((2, 480), np.float32)).any()
    assert limiter.reduction == 1.0


def test_reduction_and_count_tell_what_was_done() -> None:
    limiter = Limiter(RATE, 1)
    limiter.push(np.full((1, 480), 2.0, np.float32))
    limiter.push(np.full((1, 480), 2.0, np.float32))
    assert limiter.reduction == pytest.approx(0.989 / 2, rel=1e-6)
    assert limiter.limited == 960
    limiter.push(np.zeros((1, 48_000), np.float32))
    before = limiter.limited
    limiter.push(np.zeros((1, 480), np.float32))
    assert (limiter.reduction, limiter.limited) == (1.0, before)


def test_an_empty_block_is_a_block() -> None:
    limiter = Limiter(RATE, 2)
    assert limiter.push(np.zeros((2, 0), np.float32)).shape == (2, 0)


def test_clipped_frames_are_those_beyond_full_scale() -> None:
    x = np.array([[0.0, 1.0, -1.0, 1.5, -1.001], [0.0, 0.0, 0.0, -2.0, 0.0]], np.float32)
    assert count_clipped(x) == 2
    assert count_clipped(x[:, :0]) == 0


@pytest.mark.parametrize("wrong", [{"ceiling": 0.0}, {"release_seconds": 0.0}, {"lookahead_seconds": -1.0}])
def test_settings_without_meaning_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="limiter"):
        Limiter(RATE, 2, **wrong)
