"""Laws of the mixer's controls: one gain for each part, whatever the blocks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd.dsp.mixer import Fallback, Mixer
from tests.dsp.mixing_desk import FALLBACKS, RAMP, RATE, STEMS, Moves, music, play, rest
from tests.networks import noise


@FALLBACKS
def test_at_unity_out_is_the_mixture_to_the_bit_whatever_the_stems(fallback: Fallback) -> None:
    mixture, stems = noise(5_000), {"vocals": 3 * noise(5_000, seed=1), "drums": noise(5_000, seed=2)}
    assert np.array_equal(play(mixture, stems), mixture)
    assert np.array_equal(play(mixture, stems, lost=[(1_000, 3_000)], fallback=fallback), mixture)
    there_and_back: Moves = [(0, {"gains": {"vocals": 0.3}}), (2_000, {"gains": {"vocals": 1.0}})]
    assert np.array_equal(play(mixture, stems, there_and_back)[:, 2_000 + RAMP :], mixture[:, 2_000 + RAMP :])


@pytest.mark.parametrize("part", [*STEMS, "rest"])
def test_mute_is_a_gain_of_zero(part: str) -> None:
    mixture, stems = music(4_000)
    muted = play(mixture, stems, [(1_000, {"mute": [part]})])
    assert np.array_equal(muted, play(mixture, stems, [(1_000, {"gains": {part: 0.0}})]))
    left = [sound for name, sound in {**stems, "rest": rest(mixture, stems)}.items() if name != part]
    assert np.allclose(muted[:, 1_000 + RAMP :], sum(left)[:, 1_000 + RAMP :], atol=1e-6)
    assert not np.allclose(muted[:, 1_000 + RAMP :], mixture[:, 1_000 + RAMP :], atol=1e-3)


def test_solo_is_a_gain_of_zero_for_all_the_others() -> None:
    mixture, stems = music(4_000)
    alone = play(mixture, stems, [(1_000, {"solo": ["vocals"]})])
    assert np.array_equal(alone, play(mixture, stems, [(1_000, {"gains": {"drums": 0.0, "rest": 0.0}})]))
    assert np.array_equal(alone[:, 1_000 + RAMP :], stems["vocals"][:, 1_000 + RAMP :])
    both = play(mixture, stems, [(1_000, {"solo": ["vocals", "rest"]})])
    assert np.array_equal(both, play(mixture, stems, [(1_000, {"mute": ["drums"]})]))
    every = play(mixture, stems, [(1_000, {"solo": [*STEMS, "rest"]})])
    assert np.array_equal(every, mixture)


def test_solo_keeps_gains_and_mute_goes_before_it() -> None:
    mixture, stems = music(4_000)
    quiet = play(mixture, stems, [(0, {"gains": {"vocals": 0.25}, "solo": ["vocals"]})])
    assert np.array_equal(quiet[:, RAMP:], 0.25 * stems["vocals"][:, RAMP:])
    neither = play(mixture, stems, [(0, {"mute": ["vocals"], "solo": ["vocals"]})])
    assert not neither[:, RAMP:].any()


def test_an_empty_list_takes_out_and_none_leaves() -> None:
    mixture, stems = music(6_000)
    controls: dict[str, Any] = {"mute": ["drums"], "solo": ["vocals"], "wet": 0.5, "gains": {"rest": 0.5}}
    once = play(mixture, stems, [(0, controls)])
    for same in ({}, {"wet": 0.5}, {"gains": {"vocals": 1.0}, "mute": ["drums"]}):
        assert np.array_equal(play(mixture, stems, [(0, controls), (200, same)]), once), "not even in mid-ramp"
    out = play(mixture, stems, [(0, controls), (2_000, {"solo": []}), (3_000, {"mute": ()}), (4_000, {"wet": 1.0})])
    quiet = play(mixture, stems, [(0, {"gains": {"rest": 0.5}})])
    assert np.array_equal(out[:, 4_000 + RAMP :], quiet[:, 4_000 + RAMP :])


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 2))
def test_wet_is_a_linear_mix_with_the_mixture(wet: float, vocals: float, others: float) -> None:
    mixture, stems = noise(1_500), {"vocals": noise(1_500, seed=1)}
    gains = {"vocals": vocals, "rest": others}
    mix = play(mixture, stems, [(0, {"gains": gains})])
    out = play(mixture, stems, [(0, {"gains": gains, "wet": wet})])
    assert np.allclose(out, wet * mix + (1 - wet) * mixture, atol=2e-6)


def test_wet_at_nought_is_the_mixture() -> None:
    mixture, stems = music(4_000)
    out = play(mixture, stems, [(0, {"mute": ["vocals"]}), (1_500, {"wet": 0.0})])
    assert np.array_equal(out[:, 1_500 + RAMP :], mixture[:, 1_500 + RAMP :])
    assert not np.allclose(out[:, 1_400:1_500], mixture[:, 1_400:1_500], atol=1e-3)


@pytest.mark.parametrize("size", [1, 100, 960, 44_100])
def test_bypass_is_the_mixture_itself_from_the_frame_where_the_ramp_ends(size: int) -> None:
    mixture, stems = noise(4_000), {"vocals": 3 * noise(4_000, seed=1)}
    out = play(mixture, stems, [(0, {"gains": {"vocals": 0.3, "rest": 0.7}}), (1_500, {"bypass": True})], size=size)
    assert np.array_equal(out[:, 1_500 + RAMP :], mixture[:, 1_500 + RAMP :])
    assert not np.array_equal(out[:, 1_500 + RAMP - 2], mixture[:, 1_500 + RAMP - 2]), "and not before"


def test_after_a_bypass_all_is_as_it_was() -> None:
    mixture, stems = music(6_000)
    controls: dict[str, Any] = {"gains": {"vocals": 0.3}, "mute": ["drums"], "wet": 0.7}
    moves = [(0, controls), (1_500, {"bypass": True}), (3_000, {"bypass": False})]
    as_ever = play(mixture, stems, [(0, controls)])
    assert np.array_equal(play(mixture, stems, moves)[:, 3_000 + RAMP :], as_ever[:, 3_000 + RAMP :])
    # What is set meanwhile is heard afterwards.
    meanwhile = [(0, {}), (1_500, {"bypass": True}), (2_000, controls), (3_000, {"bypass": False})]
    out = play(mixture, stems, meanwhile)
    assert np.array_equal(out[:, :3_000], mixture[:, :3_000])
    assert np.array_equal(out[:, 3_000 + RAMP :], as_ever[:, 3_000 + RAMP :])


def test_a_change_in_mid_ramp_goes_on_from_where_the_gain_is() -> None:
    ones, moves = np.ones((1, 3_000), np.float32), [(1_000, {"mute": ["vocals"]}), (1_147, {"mute": []})]
    out = play(ones, {"vocals": ones}, moves)[0]
    turn = 1 - 147 / RAMP
    down, up = np.arange(1, 148) / RAMP, np.arange(1, RAMP + 1) / RAMP
    assert np.allclose(out[1_000:1_147], 1 - down, atol=1e-6)
    assert np.allclose(out[1_147 : 1_147 + RAMP], turn + (1 - turn) * up, atol=1e-6)
    assert (out[1_147 + RAMP :] == 1).all()


def test_of_what_is_set_for_one_position_only_the_last_counts() -> None:
    mixture, stems = music(3_000)
    fader: Moves = [(1_000, {"gains": {"vocals": k / 100}}) for k in range(100)]
    assert np.array_equal(play(mixture, stems, [*fader, (1_000, {"gains": {"vocals": 1.0}})]), mixture)
    once = play(mixture, stems, [(1_000, {"mute": ["rest"]})])
    assert np.array_equal(play(mixture, stems, [*fader, (1_000, {"gains": {"vocals": 1.0}, "mute": ["rest"]})]), once)


def test_the_state_is_where_the_controls_go() -> None:
    mixer = Mixer(STEMS, RATE)
    at_first: dict[str, Any] = {"gains": {"vocals": 1.0, "drums": 1.0, "rest": 1.0}, "mute": (), "solo": ()}
    assert mixer.state() == {**at_first, "wet": 1.0, "bypass": False}
    mixer.set(0, gains={"rest": 0.5}, mute={"rest", "drums"}, solo=["vocals", "vocals"], wet=0.25, bypass=True)
    assert mixer.state() == {
        "gains": {"vocals": 1.0, "drums": 1.0, "rest": 0.5},
        "mute": ("drums", "rest"),
        "solo": ("vocals",),
        "wet": 0.25,
        "bypass": True,
    }
    assert (mixer.parts, mixer.ramp) == (("vocals", "drums", "rest"), RAMP)
    many = Mixer("abcdefgh", RAMP)
    many.set(0, mute="hbdfaceg", solo="fhgedcab")
    assert many.state()["mute"] == many.state()["solo"] == tuple("abcdefgh"), "in their own order"


@FALLBACKS
@pytest.mark.parametrize("size", [1, 64, 441, 1_000, 100_000])
def test_the_size_of_blocks_changes_no_sample(fallback: Fallback, size: int) -> None:
    mixture, stems = noise(12_000), {"vocals": noise(12_000, seed=1), "drums": noise(12_000, seed=2)}
    moves: Moves = [
        (500, {"mute": ["vocals"]}),
        (700, {"wet": 0.3}),
        (3_000, {"bypass": True}),
        (4_500, {"bypass": False, "solo": ["drums"]}),
        (7_000, {"gains": {"drums": 0.1}}),
        (10_000, {"gains": {"drums": 1.0}, "solo": [], "mute": []}),
    ]
    lost = [(2_000, 2_300), (5_000, 8_000)]
    out = play(mixture, stems, moves, lost, fallback=fallback, size=size)
    assert np.array_equal(out, play(mixture, stems, moves, lost, fallback=fallback, size=317))
