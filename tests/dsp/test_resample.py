import numpy as np
import pytest

from stemd.dsp.resample import Resampler, held_back, resampled_length
from tests.networks import blocks, noise

RATES = [(48_000, 44_100), (44_100, 48_000), (22_050, 44_100), (44_100, 22_050), (96_000, 44_100), (8_000, 44_100)]


def through(x: np.ndarray, source: int, target: int, size: int | str) -> np.ndarray:
    resampler = Resampler(source, target, x.shape[0])
    parts = [resampler.push(x[:, part]) for part in blocks(x.shape[1], size)]
    return np.concatenate([*parts, resampler.flush()], axis=1)


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("size", [1, 64, 441, "random"])
def test_block_size_does_not_change_a_sample(rates: tuple[int, int], size: int | str) -> None:
    x = noise(9_001)
    assert np.array_equal(through(x, *rates, 4_410), through(x, *rates, size))


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("length", [1, 2, 147, 1_000, 44_100])
def test_output_covers_the_input_exactly(rates: tuple[int, int], length: int) -> None:
    assert through(noise(length), *rates, 441).shape[1] == resampled_length(length, *rates)


@pytest.mark.parametrize("rates", RATES)
def test_frame_k_out_is_frame_k_in(rates: tuple[int, int]) -> None:
    source, target = rates
    frequency = 0.11 * min(rates)
    x = np.sin(2 * np.pi * frequency * np.arange(source) / source)[np.newaxis].astype(np.float32)
    y = through(x, source, target, 4_410)[0]
    middle = slice(target // 4, 3 * target // 4)
    exact = np.sin(2 * np.pi * frequency * np.arange(target) / target)
    assert np.abs(y[middle] - exact[middle]).max() < 1e-4


@pytest.mark.parametrize("rates", RATES)
def test_never_holds_back_more_than_declared(rates: tuple[int, int]) -> None:
    source, target = rates
    resampler = Resampler(source, target, 1)
    taken = given = 0
    for part in blocks(50_000, "random"):
        block = noise(50_000, 1)[:, part]
        taken, given = taken + block.shape[1], given + resampler.push(block).shape[1]
        assert taken * target / source - given <= held_back(source, target)


def test_equal_rates_pass_untouched() -> None:
    x = noise(1_000)
    assert np.array_equal(through(x, 44_100, 44_100, 64), x)
    assert held_back(44_100, 44_100) == 0
