"""A chirp is found to the frame, through what cables do to it, and nothing else is taken for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, lfilter

from stemd.audio import Float32Array
from stemd.dsp.chirps import chirp, find

RATE = 48_000
SOUND = chirp(RATE, 0.25)


def recording(at: int, gain: float = 1.0, noise: float = 0.0, seed: int = 0) -> Float32Array:
    """(2, frames): the chirp in the second channel alone, and noise in both."""
    samples = np.random.default_rng(seed).normal(0, 1, (2, 24_000)).astype(np.float32) * np.float32(noise)
    samples[1, at : at + SOUND.size] += np.float32(gain) * SOUND
    return samples


@given(st.integers(0, 24_000 - SOUND.size), st.floats(-60, 6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_it_is_found_to_the_frame_at_any_level_and_polarity(at: int, decibels: float, inverted: bool) -> None:
    gain = 10 ** (decibels / 20) * (-1 if inverted else 1)
    found = find(recording(at, gain), SOUND)
    assert found
    assert found.position == at
    assert found.gain == pytest.approx(gain, rel=1e-4)
    assert found.likeness == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_found_in_noise_as_loud_as_itself(seed: int) -> None:
    loudness = float(np.sqrt(np.mean(SOUND**2)))
    found = find(recording(7_777, noise=loudness, seed=seed), SOUND)
    assert found
    assert abs(found.position - 7_777) <= 1


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_not_taken_for_it(seed: int) -> None:
    assert find(recording(0, gain=0.0, noise=0.1, seed=seed), SOUND) is None


def test_silence_hum_and_a_click_are_not_taken_for_it() -> None:
    seconds = np.arange(24_000) / RATE
    hum = np.sin(2 * np.pi * 50 * seconds) + 0.3 * np.sin(2 * np.pi * 1_000 * seconds)
    click = np.zeros(24_000)
    click[5_000] = 1
    for samples in (np.zeros(24_000), hum, click, np.full(24_000, 0.5)):
        assert find(samples[None].astype(np.float32), SOUND) is None
    assert find(np.zeros((2, 10), np.float32), SOUND) is None
    assert find(np.zeros((0, 10), np.float32), SOUND) is None


def test_a_coupling_capacitor_a_narrow_band_and_clipping_move_it_by_no_more_than_a_frame() -> None:
    samples = recording(9_000, gain=4.0)[1]
    high, low = butter(1, 20, "high", fs=RATE), butter(1, 16_000, "low", fs=RATE)
    cable = np.clip(lfilter(*low, lfilter(*high, samples)), -0.5, 0.5)
    found = find(cable[None].astype(np.float32), SOUND)
    assert found
    assert abs(found.position - 9_000) <= 1
