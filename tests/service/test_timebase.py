import numpy as np
import pytest

from stemd.service.timebase import TimeBase

RATE, BLOCK = 48_000, 960


def arrivals(base: TimeBase, seconds: float, *, jitter_ms: float = 0.0, ppm: float = 0.0, seed: int = 0) -> list[float]:
    """Feed blocks of a simulated source (a fake clock); the errors of T against the truth, in ms."""
    rng, errors = np.random.default_rng(seed), []
    for n in range(int(seconds * RATE / BLOCK)):
        truth = n * BLOCK / RATE * 1e9 * (1 + ppm * 1e-6)
        base.arrived(n * BLOCK, int(truth + rng.normal(0, jitter_ms) * 1e6))
        errors.append((base.at(n * BLOCK) - truth) / 1e6)
    return errors


def test_without_jitter_the_time_base_is_the_arrival() -> None:
    assert np.abs(arrivals(TimeBase(RATE), 10)).max() < 1e-3


def test_jitter_is_smoothed_to_a_tenth() -> None:
    errors = arrivals(TimeBase(RATE), 120, jitter_ms=5.0)
    assert np.std(errors[len(errors) // 2 :]) < 0.1 * 5.0 * 2


@pytest.mark.parametrize("ppm", [-300, 300])
def test_a_source_whose_clock_drifts_is_followed(ppm: float) -> None:
    errors = arrivals(TimeBase(RATE), 120, ppm=ppm)
    assert np.abs(errors[len(errors) // 2 :]).max() < 0.05


def test_a_source_that_paused_begins_anew() -> None:
    base = TimeBase(RATE)
    arrivals(base, 5)
    position, now = 5 * RATE, 65_000_000_000
    base.arrived(position, now)
    assert base.jumps == 1
    assert base.at(position) == now
    assert base.at(position + RATE) == now + 1_000_000_000


def test_before_the_first_block_there_is_no_time() -> None:
    with pytest.raises(ValueError, match="no block"):
        TimeBase(RATE).at(0)
