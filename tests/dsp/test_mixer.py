"""Laws of the mixer: what each control comes to, and that nothing which it does can be heard as a click."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stemd.audio import Float32Array
from stemd.dsp.mixer import FADE_SECONDS, Fallback, Mixer
from tests.networks import noise

RATE = 44_100
RAMP = 441  # 10 ms
FADE = round(FADE_SECONDS * RATE)
STEMS = ("vocals", "drums")
OVERLAP = 1_024  # of a network's segments: over so many frames an estimate gives way to one that is missing
FALLBACKS = pytest.mark.parametrize("fallback", get_args(Fallback))

Moves = Sequence[tuple[int, dict[str, Any]]]
Lost = Sequence[tuple[int, int]]


def music(frames: int, seed: int = 0) -> tuple[Float32Array, dict[str, Float32Array]]:
    """A mixture, and estimates of a singing voice and of drums as a network gives them: not quite right."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(frames) / RATE
    pitch = 330 * 2 ** (np.sin(2 * np.pi * 0.7 * seconds + seed) / 12) * (1 + 0.02 * np.sin(2 * np.pi * 5.5 * seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = 0.15 * sum(np.sin(n * phase + seed) / n for n in range(1, 7))
    bass = 0.2 * np.sin(2 * np.pi * 55 * seconds) + 0.1 * np.sin(2 * np.pi * 110 * seconds)
    hiss = np.convolve(rng.normal(0, 0.01, frames), np.hanning(32) / 16, "same")
    triangle = 0.03 * np.sin(2 * np.pi * 2_300 * seconds)
    panned = {"vocals": (1.0, 0.8), "drums": (0.9, 1.0), "rest": (1.0, 1.0)}
    sources = {"vocals": voice, "drums": triangle + hiss, "rest": bass}
    true = {name: np.stack([gain * source for gain in panned[name]]) for name, source in sources.items()}
    mixture = true["vocals"] + true["drums"] + true["rest"]
    stems = {name: (0.9 * true[name] + 0.08 * mixture).astype(np.float32) for name in STEMS}
    return mixture.astype(np.float32), stems


def missing(stem: Float32Array, lost: Lost) -> Float32Array:
    """An estimate that did not come over some frames: faded out and in as neighbouring segments are."""
    stem = stem.copy()
    for start, stop in lost:
        fade = np.linspace(1, 0, min(OVERLAP, (stop - start) // 2), dtype=np.float32)
        stem[:, start : start + fade.size] *= fade
        stem[:, start + fade.size : stop - fade.size] = 0
        stem[:, stop - fade.size : stop] *= fade[::-1]
    return stem


def play(
    mixture: Float32Array,
    stems: Mapping[str, Float32Array],
    moves: Moves = (),
    lost: Lost = (),
    *,
    fallback: Fallback = "dry",
    size: int = 960,
    without: Sequence[str] = STEMS,
) -> Float32Array:
    """What a mixer makes of it whose controls move at these positions, and which lacks stems `without` over `lost`.

    Blocks have `size` frames, but that one ends where a control moves, or where a loss begins or ends.
    """
    mixer = Mixer(tuple(stems), RATE, fallback)
    stems = {name: missing(stem, lost) if name in without else stem for name, stem in stems.items()}
    length, parts = mixture.shape[1], []
    edges = {at for at, _ in moves} | {at for span in lost for at in span} | {*range(0, length, size), length}
    for start, stop in pairwise(sorted(at for at in edges if at <= length)):
        for _, controls in (move for move in moves if move[0] == start):
            mixer.set(start, **controls)
        gone = without if any(low <= start < high for low, high in lost) else ()
        part = {name: stem[:, start:stop] for name, stem in stems.items()}
        parts.append(mixer.out(mixture[:, start:stop], part, start, gone))
    return np.concatenate(parts, axis=1)


def rest(mixture: Float32Array, stems: Mapping[str, Float32Array]) -> Float32Array:
    return mixture - sum(stems.values())


# --- what the controls come to -----------------------------------------------------------------------------------


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


# --- where an estimate is missing ----------------------------------------------------------------------------------

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


# --- no clicks ---------------------------------------------------------------------------------------------------


def bend(samples: Float32Array) -> float:
    """The largest second difference: a smooth sound has little of it, a jump as much as it is high."""
    return float(np.abs(np.diff(samples.astype(np.float64), 2, axis=1)).max())


PLAIN = {"gains": {"vocals": 0.6, "drums": 0.0, "rest": 0.9}}
TURNS: dict[str, Moves] = {
    "gain": [(0, {"gains": {"vocals": 0.0}}), (3_000, {"gains": {"vocals": 1.0, "rest": 0.2}})],
    "mute": [(0, {"mute": ["vocals"]}), (3_000, {"mute": ["rest"]}), (6_000, {"mute": []})],
    "solo": [(0, {"solo": ["vocals"]}), (3_000, {"solo": ["rest", "drums"]}), (6_000, {"solo": []})],
    "wet": [(0, {"solo": ["vocals"]}), (3_000, {"wet": 0.0}), (6_000, {"wet": 0.5})],
    "bypass": [(0, {"mute": ["vocals"]}), (3_000, {"bypass": True}), (6_000, {"bypass": False})],
    "all at once": [(0, {**PLAIN, "mute": ["vocals"], "solo": ["rest"], "wet": 0.3}), (3_000, {"bypass": True})],
    "in mid-ramp": [(0, {"solo": ["vocals"]}), (200, {"solo": ["drums"]}), (417, {"bypass": True}), (500, {"wet": 0})],
    "to and fro": [(k * 61, {"mute": ["vocals", "rest"] if k % 2 == 0 else []}) for k in range(60)],
    "a fader drawn": [(k * 37, {"gains": {"vocals": 1 - k / 100, "rest": k / 100}}) for k in range(100)],
    "a fader drawn at once": [(0, {"gains": {"vocals": 1 - k / 1_000}}) for k in range(1_000)],
}


@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
@pytest.mark.parametrize("seed", range(4))
def test_no_control_clicks(turns: Moves, seed: int) -> None:
    mixture, stems = music(16_000, seed)
    start = int(np.random.default_rng(seed).integers(1_000, 4_000))
    out = play(mixture, stems, [(start + at, controls) for at, controls in turns])
    assert bend(out) <= 1.5 * bend(mixture)


LOSSES: dict[str, tuple[Lost, Moves]] = {
    "once": ([(9_000, 20_000)], []),
    "for less than a ramp": ([(9_000, 9_150), (9_400, 9_500)], []),
    "again and again": ([(9_000 + 700 * k, 9_000 + 700 * k + 350) for k in range(20)], []),
    "again, in mid-fade": ([(9_000, 50_000), (50_180, 60_000)], []),
    "again, once it has faded": ([(9_000, 9_000 + FADE), (9_100 + FADE, 20_000 + FADE)], []),
    "while controls move": ([(9_000, 20_000)], [(9_137, {"wet": 0.5}), (14_000, {"mute": []}), (19_800, {"wet": 1})]),
    "while a bypass comes and goes": (
        [(9_000, 50_000)],
        [(20_000, {"bypass": True}), (20_150, {"bypass": False}), (40_000, {"bypass": True}), (49_900, PLAIN)],
    ),
}


@FALLBACKS
@pytest.mark.parametrize(("lost", "turns"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("controls", [{"mute": ["vocals"]}, {"solo": ["vocals"]}, PLAIN], ids=["mute", "solo", "gains"])
def test_no_fallback_clicks(fallback: Fallback, lost: Lost, turns: Moves, controls: dict[str, Any]) -> None:
    mixture, stems = music(lost[-1][1] + 5_000)
    moves: Moves = [(3_000, controls), *turns]
    out = play(mixture, stems, moves, lost, fallback=fallback, without=["vocals"])
    assert bend(out) <= 1.5 * bend(mixture)
    assert not np.array_equal(out, play(mixture, stems, moves)), "this is not about nothing"


@pytest.mark.parametrize("seed", range(4))
def test_this_would_hear_a_click(seed: int) -> None:
    mixture, stems = music(16_000, seed)
    at = int(np.random.default_rng(seed).integers(1_000, 4_000))
    at += int(np.abs(stems["vocals"][0, at : at + 200]).argmax())  # not where the voice happens to be nought
    out = mixture.copy()
    out[:, at:] -= 0.3 * stems["vocals"][:, at:]
    assert bend(out) > 1.5 * bend(mixture)


SMALL = 8_000  # Hz, so that a fade is soon over
MOVE = st.fixed_dictionaries(
    {},
    optional={
        "gains": st.dictionaries(st.sampled_from(["vocals", "rest"]), st.floats(0, 1)),
        "mute": st.sets(st.sampled_from(["vocals", "rest"])),
        "solo": st.sets(st.sampled_from(["vocals", "rest"])),
        "wet": st.floats(0, 1),
        "bypass": st.booleans(),
    },
)
STEPS = st.lists(st.tuples(st.integers(1, 200), st.booleans(), st.lists(MOVE, max_size=3)), min_size=1, max_size=30)


@FALLBACKS
@given(steps=STEPS)
def test_no_gain_moves_faster_than_ramps_do(fallback: Fallback, steps: list[tuple[int, bool, list[Any]]]) -> None:
    """Of two halves of a constant, `out` is the mean of the gains: a jump in it is one of theirs."""
    mixer, position, parts = Mixer(["vocals"], SMALL, fallback), 0, [np.ones((1, 1), np.float32)]
    for frames, lost, moves in steps:
        for move in moves:
            mixer.set(position, **move)
        ones = np.ones((1, frames), np.float32)
        parts.append(mixer.out(ones, {"vocals": ones / 2}, position, ["vocals"] if lost else []))
        position += frames
    most = 2 / mixer.ramp + 1 / (FADE_SECONDS * SMALL)  # a control and the fallback, and its fade
    assert np.abs(np.diff(np.concatenate(parts, axis=1))).max() <= most + 1e-6


# --- blocks ------------------------------------------------------------------------------------------------------


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
