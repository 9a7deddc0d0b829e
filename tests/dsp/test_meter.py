"""Laws of the peak meter."""

import numpy as np
import pytest

from stemd.dsp.levels import SILENCE_DB
from stemd.dsp.meter import FALL_DB_PER_SECOND, PeakMeter

RATE = 48_000


def test_a_peak_is_seen_at_once_whatever_its_sign_and_channel() -> None:
    for channel, value in ((0, 0.5), (1, -0.5)):
        meter = PeakMeter(RATE)
        samples = np.zeros((2, 64), np.float32)
        samples[channel, 17] = value
        meter.push(samples)
        assert meter.peak == 0.5
        assert meter.level == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("block", [1, 64, 1000, 48_000])
def test_it_falls_twenty_decibels_in_one_second_and_seven_tenths_whatever_the_blocks(block: int) -> None:
    meter = PeakMeter(RATE)
    meter.push(np.ones((2, 1), np.float32))
    left = RATE
    while left:
        frames = min(block, left)
        meter.push(np.zeros((2, frames), np.float32))
        left -= frames
    assert meter.level == pytest.approx(-FALL_DB_PER_SECOND, abs=1e-6)


def test_silence_and_no_frames_at_all_are_no_peak() -> None:
    meter = PeakMeter(RATE)
    meter.push(np.zeros((2, 0), np.float32))
    meter.push(np.zeros((2, 10), np.float32))
    assert (meter.peak, meter.level) == (0.0, SILENCE_DB)
