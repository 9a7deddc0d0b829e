"""Music, losses and a mixer that plays them, for the laws of the mixer."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp.mixer import FADE_SECONDS, Fallback, Mixer

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
