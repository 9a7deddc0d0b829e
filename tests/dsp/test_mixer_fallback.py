"""Laws of `out` where a network's estimate is missing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stemd.dsp.mixer import Fallback
from tests.dsp.mixing_desk import FADE, FALLBACKS, RAMP, Moves, missing, music, play
from tests.networks import noise

DRY_SILENCE: tuple[Fallback, Fallback] = ("dry", "silence")
LOSS = (20_000, 20_000 + FADE + 10_000)


@FALLBACKS
def test_where_a_stem_is_missing_out_goes_over_to_the_fallback_within_ten_milliseconds(fallback: Fallback) -> None:
    mixture, stems = music(LOSS[1] + 2_000)
    out = play(mixture, stems, [(0, {"solo": ["vocals"]})], [LOSS], fallback=fallback)
    over = slice(LOSS[0] + RAMP - 1, LOSS[1])
    if fallback == "dry":
        assert np.array_equal(out[:, over], mixture[:, over])
    elif fallback == "silence":
        assert not out[:, over].any()
    else:
        level = np.clip(1 - np.arange(RAMP - 1, LOSS[1] - LOSS[0]) / FADE, 0, 1)
        assert np.allclose(out[:, over], mixture[:, over] * level, atol=1e-6)
        assert not out[:, LOSS[0] + FADE : LOSS[1]].any()


@given(st.floats(0, 8), st.floats(0, 8), st.floats(0.01, 1))
def test_the_dry_fallback_is_the_mixture_to_the_bit_and_silence_is_silent(
    voice: float, other: float, wet: float
) -> None:
    mixture, stems = noise(1_500), {"vocals": noise(1_500, seed=1)}
    moves: Moves = [(0, {"gains": {"vocals": voice, "rest": other}, "wet": wet})]
    assume(wet * voice + 1 - wet != wet * other + 1 - wet)
    dry, silent = (play(mixture, stems, moves, [(500, 1_500)], fallback=f, without=["vocals"]) for f in DRY_SILENCE)
    assert np.array_equal(dry[:, 500 + RAMP :], mixture[:, 500 + RAMP :])
    assert not silent[:, 500 + RAMP :].any()


@FALLBACKS
@pytest.mark.parametrize("length", [100, RAMP, 5_000, FADE + 5_000])
def test_after_it_out_is_what_the_controls_say_again(fallback: Fallback, length: int) -> None:
    mixture, stems = music(30_000 + length)
    moves: Moves = [(0, {"gains": {"vocals": 0.3, "rest": 0.7}, "wet": 0.9}), (21_000, {"mute": ["drums"]})]
    stop = 20_000 + length
    out, never = (play(mixture, stems, moves, lost, fallback=fallback) for lost in ([(20_000, stop)], []))
    assert np.array_equal(out[:, :20_000], never[:, :20_000])
    ended = max(stop, 21_000) + RAMP - 1
    assert np.array_equal(out[:, ended:], never[:, ended:])
    assert not np.allclose(out[:, 20_050 : stop + 50], never[:, 20_050 : stop + 50], atol=1e-3)


EVEN: dict[str, dict[str, Any]] = {
    "at unity": {},
    "as loud as the rest": {"gains": {"vocals": 0.4, "rest": 0.4, "drums": 0.2}},
    "muted with the rest": {"mute": ["vocals", "rest"]},
    "solo is another": {"solo": ["drums"]},
    "solo with the rest": {"solo": ["vocals", "rest"]},
    "all dry": {"mute": ["vocals"], "wet": 0.0},
    "in bypass": {"mute": ["vocals"], "bypass": True},
}


@FALLBACKS
@pytest.mark.parametrize("controls", EVEN.values(), ids=EVEN)
def test_a_missing_stem_as_loud_as_the_rest_changes_nothing(fallback: Fallback, controls: dict[str, Any]) -> None:
    mixture, stems = music(30_000)
    lost, gone = [(10_000, 20_000)], ["vocals"]
    out = play(mixture, stems, [(0, controls)], lost, fallback=fallback, without=gone)
    silent = {**stems, "vocals": missing(stems["vocals"], lost)}
    assert np.array_equal(out, play(mixture, silent, [(0, controls)]))


@FALLBACKS
def test_a_bypass_ends_the_fallback_and_a_bypass_that_ends_begins_it(fallback: Fallback) -> None:
    mixture, stems = music(50_000)
    moves: Moves = [(0, {"mute": ["vocals"]}), (20_000, {"bypass": True}), (30_000, {"bypass": False})]
    out = play(mixture, stems, moves, [(10_000, 40_000)], fallback=fallback)
    assert np.array_equal(out[:, 20_000 + RAMP - 1 : 30_000], mixture[:, 20_000 + RAMP - 1 : 30_000])
    begun = play(mixture, stems, [(0, {"mute": ["vocals"]})], [(30_000, 40_000)], fallback=fallback)
    assert np.allclose(out[:, 30_000 + RAMP : 38_000], begun[:, 30_000 + RAMP : 38_000], atol=1e-6)
