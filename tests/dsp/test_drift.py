from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from stemd.dsp.clock import ClockFilter
from stemd.dsp.drift import MAX_PPM, MAX_SLEW, DriftBridge, DriftControl, DriftResampler
from tests.fake_clocks import EPOCH_NS, FakeClock

DELAY, BLOCK = 0.3, 0.02
EQUAL, UP = (8_000, 8_000), (44_100, 48_000)
# A rate that changes by x ppm is caught up with after x / slew, and has shifted the delay by x**2 / (2 * slew) us by
# then: 653 for 80 ppm. The clock filter's lag adds up to 180, jitter the rest: 90 ppm could not be kept within 1 ms.
STEP = 80.0


@dataclass
class Played:
    """What a bridge did, judged by the true clocks."""

    bridge: DriftBridge
    times: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)  # of the delay, in ms
    ppm: list[float] = field(default_factory=list)
    worst_sample: float = 0.0  # how far the output is from the signal, in source frames

    @property
    def slew(self) -> float:
        """The fastest change of the ratio, in ppm per second."""
        return float(np.abs(np.diff(self.ppm) / np.diff(self.times)).max())


def tone(positions: np.ndarray) -> np.ndarray:
    """A sine of 20 frames' period."""
    return 0.5 * np.sin(2 * np.pi * np.mod(positions / 20, 1.0))


def play(
    rates: tuple[int, int], source: FakeClock, target: FakeClock, seconds: float, *, silent: bool = False
) -> Played:
    """Capture on one clock, play on the other, in blocks of 20 ms; both clocks call back, late."""
    played = Played(DriftBridge(*rates, 1, DELAY))
    bridge, asked = played.bridge, 0
    size, target_size = (round(rate * BLOCK) for rate in rates)
    for start in range(0, round(seconds * rates[0]), size):
        now = source.time(start + size)
        bridge.note_source(start + size, source.callback(start + size))
        while target.time(asked) < now:
            bridge.note_target(asked, target.callback(asked))
            asked += target_size
        block = np.zeros(size) if silent else tone(np.arange(start, start + size))
        running, first = bridge.locked, bridge.position
        out = bridge.push(block[np.newaxis].astype(np.float32))
        if not bridge.locked:
            continue
        played.times.append(now)
        played.errors.append(1e3 * (target.time(bridge.next_frame) - source.time(bridge.position) - DELAY))
        played.ppm.append(bridge.ppm)
        if running and not silent and len(played.times) > 10:
            step = rates[0] / rates[1] * (1 + 1e-6 * bridge.ppm)
            off = np.abs(out[0] - tone(first + step * np.arange(out.shape[1]))).max()
            played.worst_sample = max(played.worst_sample, float(off) / (0.5 * 2 * np.pi / 20))
    return played


def follow(clock: FakeClock, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """How wrong a filter of the clock's callbacks, every 10 ms, has the time (in us) and the period (in ppm)."""
    follower, times, periods = ClockFilter(clock.rate), [], []
    for frame in range(0, round(seconds * clock.rate), clock.rate // 100):
        follower.note(frame, clock.callback(frame))
        if follower.span > 0:
            times.append((follower.at(frame) - EPOCH_NS) / 1e3 - 1e6 * clock.time(frame))
            periods.append(1e6 * (follower.period * clock.rate / 1e9 - 1))
            assert abs(follower.frame_at(follower.at(frame)) - frame) < 1e-3
    return np.array(times), np.array(periods) - clock.ppm


@pytest.mark.parametrize("seed", range(3))
def test_late_callbacks_hardly_move_a_clock(seed: int) -> None:
    times, periods = follow(FakeClock(48_000, -150, seed=seed), 120)
    assert np.abs(times[600:]).max() < 60
    assert np.abs(periods[1_500:]).max() < 8


def test_a_clock_that_changes_its_rate_is_followed_as_fast_as_least_squares_can() -> None:
    times, periods = follow(FakeClock(48_000, lateness=0.0, step=(30.0, STEP)), 60)
    assert np.abs(times).max() == pytest.approx((4 / 27 * 12 + 0.5) * STEP, rel=0.1)
    assert np.abs(periods[-1_600:] - STEP).max() < 0.1


@pytest.mark.parametrize("skip", [8_000, -90_000])
def test_a_clock_that_jumps_begins_anew(skip: int) -> None:
    clock, follower = FakeClock(8_000), ClockFilter(8_000)
    for frame in range(0, 160_000, 80):
        follower.note(frame + (skip if frame >= 100_000 else 0), clock.callback(frame))
    assert follower.jumps == 1
    assert follower.span < 8
    assert abs(follower.at(160_000 + skip) - EPOCH_NS - 20_000_000_000) < 100_000


def test_of_a_clock_that_never_called_back_nothing_is_known() -> None:
    with pytest.raises(ValueError, match="callbacks"):
        ClockFilter(48_000).at(0)


@pytest.mark.parametrize("rates", [EQUAL, pytest.param(UP, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_ten_minutes_of_drift_lose_no_frame_and_keep_the_delay(rates: tuple[int, int], ppm: float) -> None:
    played = play(rates, FakeClock(rates[0], seed=1), FakeClock(rates[1], ppm, seed=2), 600)
    assert played.times[0] < 8
    assert np.abs(played.errors).max() < 0.5
    assert played.slew < MAX_SLEW
    assert played.worst_sample < 1e-3
    assert abs(np.mean(played.ppm) - ppm) < 2


@pytest.mark.parametrize("ppm", [-200.0, pytest.param(200.0, marks=pytest.mark.slow)])
def test_a_clock_that_changes_its_rate_shifts_the_delay_by_less_than_a_millisecond(ppm: float) -> None:
    target = FakeClock(8_000, ppm, seed=2, step=(300.0, np.sign(ppm) * STEP))
    played = play(EQUAL, FakeClock(8_000, seed=1), target, 600)
    assert np.abs(played.errors).max() < 1.0
    assert np.abs(played.errors[-3_000:]).max() < 0.2
    assert played.slew < MAX_SLEW
    assert played.worst_sample < 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_where_callbacks_are_very_uneven_the_start_waits_until_the_drift_is_known(seed: int) -> None:
    clocks = [FakeClock(8_000, ppm, seed=seed + 10 * ppm, lateness=0.005) for ppm in (0, 100)]
    played = play(EQUAL, *clocks, 60, silent=True)
    assert 5 < played.times[0] < 14
    assert np.abs(played.errors).max() < 1.0


def test_without_jitter_the_ratio_comes_to_rest_after_one_swing() -> None:
    target = FakeClock(8_000, 200, lateness=0.0, step=(60.0, STEP))
    played = play(EQUAL, FakeClock(8_000, lateness=0.0), target, 240, silent=True)
    assert np.std(played.ppm[-3_000:]) < 1e-3
    assert min(played.errors) > -0.02
    assert np.abs(played.errors[-3_000:]).max() < 0.001


@pytest.mark.parametrize(("callbacks", "most_ppm"), [(1, 1e-3), (50, 12.0)])
def test_late_callbacks_hardly_move_the_ratio(callbacks: int, most_ppm: float) -> None:
    late = range(60 * 50, 60 * 50 + callbacks)
    clocks = [FakeClock(8_000, 100, seed=2), FakeClock(8_000, 100, seed=2, held_up=late)]
    usual, late_once = (play(EQUAL, FakeClock(8_000, seed=1), clock, 90, silent=True) for clock in clocks)
    assert np.abs(np.subtract(usual.ppm, late_once.ppm)).max() < most_ppm
    assert np.abs(np.subtract(usual.errors, late_once.errors)).max() < 0.1


@pytest.mark.parametrize(("frames", "seconds"), [(8_000, 0.0), (-90_000, 0.0), (0, 0.08)])
def test_a_device_that_skips_or_restarts_or_pauses_is_taken_up_again(frames: int, seconds: float) -> None:
    bridge = DriftBridge(*EQUAL, 1, DELAY)
    source, target = FakeClock(8_000, seed=1), FakeClock(8_000, 200, seed=2)
    locked = []
    for k in range(2_000):
        skipped, paused = (frames, seconds) if k >= 600 else (0, 0.0)
        bridge.note_source(160 * k, source.callback(160 * k))
        bridge.note_target(160 * k + skipped, target.callback(160 * k) + round(1e9 * paused))
        bridge.push(np.zeros((1, 160), np.float32))
        locked.append(bridge.locked)
    assert locked[599]
    assert not all(locked[600:])
    assert all(locked[-500:])
    played = target.time(bridge.next_frame - frames) + seconds
    assert abs(played - source.time(bridge.position) - DELAY) < 0.001


def test_until_both_clocks_are_known_nothing_is_given() -> None:
    bridge = DriftBridge(*EQUAL, 2, DELAY, start=1_000)
    for k in range(1_000):
        bridge.note_source(160 * k, 20_000_000 * k)
        assert bridge.push(np.zeros((2, 160), np.float32)).shape == (2, 0)
    assert not bridge.locked
    assert bridge.position == 161_000


def perfect(control: DriftControl, drift: Callable[[float], float], seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """The errors (in us) and corrections (in ppm) of a control that measures without error, every 10 ms."""
    error, errors, ppm = 0.0, [], []
    for k in range(round(seconds * 100)):
        ppm.append(control.update(error, 0.01, drift(k / 100)))
        error += 1e-8 * (drift(k / 100) - ppm[-1])
        errors.append(1e6 * error)
    return np.array(errors), np.array(ppm)


@pytest.mark.parametrize("ppm", [30.0, 60.0, 100.0])
def test_a_sudden_drift_costs_what_the_slew_says(ppm: float) -> None:
    errors, corrections = perfect(DriftControl(), lambda _: ppm, 200)
    assert errors.max() == pytest.approx(ppm**2 / (2 * MAX_SLEW), rel=0.04)
    assert errors.min() > -1
    assert abs(errors[-1]) < 0.01
    assert np.abs(np.diff(corrections)).max() < 0.01 * MAX_SLEW


def test_a_measured_drift_costs_nothing() -> None:
    control = DriftControl()
    control.lock(400.0)
    errors, corrections = perfect(control, lambda _: 400.0, 20)
    assert np.abs(errors).max() < 1e-6
    assert np.all(corrections == 400.0)


def test_a_large_error_is_closed_without_a_swing() -> None:
    errors, corrections = perfect(DriftControl(), lambda t: -2e6 if t < 0.01 else 0.0, 300)
    assert abs(errors[0]) > 15_000
    assert errors.max() < 1
    assert abs(errors[-1]) < 1
    assert np.abs(np.diff(corrections)).max() < 0.01 * MAX_SLEW


def test_the_correction_is_bounded() -> None:
    control = DriftControl()
    control.lock(5_000.0)
    assert control.ppm == MAX_PPM
    assert perfect(control, lambda _: -5_000.0, 600)[1].min() == -MAX_PPM


# Where the kernel's length in source frames changes with the ratio, at +203 ppm for 96 to 44.1 kHz, input of a frame
# at a time must not be lost.
@pytest.mark.parametrize(("rates", "size", "middle"), [((96_000, 44_100), 1, 203), ((8_000, 8_000), 160, 0)])
def test_position_is_where_the_output_lies(rates: tuple[int, int], size: int, middle: float) -> None:
    resampler, worst = DriftResampler(*rates, 1), 0.0
    for start in range(0, 20_000 * size if size > 1 else 150_000, size):
        ppm = middle + 60 * np.sin(start / 3_000)
        first = resampler.position
        out = resampler.push(tone(np.arange(start, start + size))[np.newaxis].astype(np.float32), ppm)[0]
        if start > 2_000:
            at = first + rates[0] / rates[1] * (1 + 1e-6 * ppm) * np.arange(out.size)
            worst = max(worst, float(np.abs(out - tone(at)).max(initial=0)) / (0.5 * 2 * np.pi / 20))
        assert (start + size - resampler.position) * rates[1] / rates[0] <= resampler.held_back
    assert worst < 1e-4


def test_channels_stay_apart() -> None:
    resampler = DriftResampler(8_000, 8_000, 2, start=500)
    x = np.stack([tone(np.arange(4_000)), np.zeros(4_000)]).astype(np.float32)
    assert resampler.position == 500
    out = resampler.push(x, 0.0)
    assert np.allclose(out[0, 100:], x[0, 100 : out.shape[1]], atol=1e-4)
    assert not out[1].any()
