import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stemd.audio import quantise
from stemd.dsp.mixing import GainRamp, mix, residual, residual_int16
from tests.networks import noise

SAMPLES = arrays(np.float32, (1, 32), elements=st.floats(-4, 4, width=32))


@given(SAMPLES, SAMPLES)
def test_vocals_and_instrumental_sum_to_the_mixture(v: np.ndarray, mixture: np.ndarray) -> None:
    i = residual(mixture, [v])
    bound = 2.0**-23 * np.maximum(np.abs(v), np.abs(mixture)).astype(np.float64)
    # Denormals have no relative precision; the smallest step is theirs.
    assert (np.abs(v.astype(np.float64) + i - mixture) <= bound + 2.0**-149).all()


@given(SAMPLES, SAMPLES)
def test_in_int16_the_sum_is_exact_but_for_counted_saturation(v: np.ndarray, mixture: np.ndarray) -> None:
    vq, mq = quantise(v), quantise(mixture)
    iq, saturated = residual_int16(mq, [vq])
    off = vq.astype(np.int32) + iq != mq
    assert np.count_nonzero(off) == saturated


def test_out_at_unity_is_the_mixture_to_the_bit() -> None:
    m, v, ones = noise(500), noise(500, seed=1), np.ones(500, np.float32)
    assert np.array_equal(mix(m, {"vocals": v}, dict.fromkeys(("vocals", "rest"), ones)), m)


def test_gains_are_reached_by_a_ramp_at_the_position_told() -> None:
    ramp = GainRamp(10)
    ramp.set(100, 0.0)
    assert ramp.at(90, 10).tolist() == [1.0] * 10
    assert np.allclose(ramp.at(100, 10), np.arange(9, -1, -1) / 10)
    assert ramp.at(110, 5).tolist() == [0.0] * 5
    assert np.array_equal(ramp.at(95, 30), np.concatenate([ramp.at(95, 7), ramp.at(102, 23)]))


def test_a_gain_set_in_mid_ramp_goes_on_from_where_it_is() -> None:
    ramp = GainRamp(10)
    ramp.set(0, 0.0)
    there = ramp.at(5, 1)[0]
    ramp.set(5, 1.0)
    steps = np.diff(np.concatenate([[there], ramp.at(5, 12)]))
    assert (steps >= 0).all()
    assert ramp.at(20, 1)[0] == 1.0


def test_out_mutes_the_vocals() -> None:
    m, v = noise(500), noise(500, seed=1)
    gains = {"vocals": np.zeros(500, np.float32), "rest": np.ones(500, np.float32)}
    assert np.allclose(mix(m, {"vocals": v}, gains), residual(m, [v]))
