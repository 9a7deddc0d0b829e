"""Laws against clicks: no control and no loss bends `out` more than music does."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd.audio import Float32Array
from stemd.dsp.mixer import FADE_SECONDS, Fallback, Mixer
from tests.dsp.mixing_desk import FADE, FALLBACKS, Lost, Moves, music, play


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
