"""A song made on the spot from code, with its true stems: what the demo plays when no file is given."""

import numpy as np
import scipy.signal

from stemd.audio import Float32Array

from . import band
from .room import place, with_room
from .score import bars, sung_notes
from .voice import sing

MIN_SECONDS = 5.0  # the voice enters after the first bar, 2.3 s
MIXTURE_SDR = -4.5  # dB, of the mixture as an estimate of the vocals: a voice inside the band, not on top of it
PEAK = 0.85
FADE_IN, FADE_OUT = 0.02, 1.0  # seconds
LOWEST = 25.0  # Hz
LEVELS = {"drums": 0.0, "bass": -2.0, "other": -1.0}  # dB, of the players beside one another


def make_song(rate: int = 44_100, seconds: float = 30.0, seed: int = 0) -> dict[str, Float32Array]:
    """The stems `drums`, `bass`, `other` and `vocals`, and `mixture`, their sum: each (2, frames).

    The same seed gives the same samples; another one gives another key and other hands that play the same notes.

    Raises:
        ValueError: `seconds` is too short for the voice to be heard.
    """
    if seconds < MIN_SECONDS:
        raise ValueError(f"a song of {seconds} s ends before the voice comes in; ask for at least {MIN_SECONDS} s")
    frames = round(rate * seconds)
    keys, drummer, bassist, pianist, singer, room = np.random.default_rng(seed).spawn(6)
    transpose = int(keys.integers(-3, 3))
    song = bars(seconds, transpose)
    voice = np.zeros((2, frames), np.float32)
    place(voice, sing(list(sung_notes(song, transpose)), rate, frames, singer), 0.0, 1.0, 0.0, rate)
    stems = {
        "drums": band.drums(song, rate, frames, drummer),
        "bass": band.bass(song, rate, frames, bassist),
        "other": band.chords(song, rate, frames, pianist),
        "vocals": with_room(voice, 0.2, 1.2, rate, room),
    }
    return _mixed({name: _faded(stem, rate) for name, stem in stems.items()})


def _faded(track: Float32Array, rate: int) -> Float32Array:
    """The track without what no loudspeaker plays, opening over FADE_IN and closing over FADE_OUT."""
    audible = scipy.signal.sosfilt(scipy.signal.butter(2, LOWEST, "highpass", fs=rate, output="sos"), track)
    time = (np.arange(track.shape[1]) + 0.5) / rate
    gains = np.minimum(1.0, np.minimum(time / FADE_IN, (track.shape[1] / rate - time) / FADE_OUT))
    faded: Float32Array = (audible * gains).astype(np.float32)
    return faded


def _mixed(stems: dict[str, Float32Array]) -> dict[str, Float32Array]:
    """The stems at their levels, and their sum."""
    levelled = {name: stems[name] * (_amplitude(level) / _rms(stems[name])) for name, level in LEVELS.items()}
    # The mixture's error as an estimate of the vocals is the band, so its SDR is set by their ratio alone.
    band_rms = _rms(sum(levelled.values(), np.zeros_like(stems["vocals"])))
    levelled["vocals"] = stems["vocals"] * (_amplitude(MIXTURE_SDR) * band_rms / _rms(stems["vocals"]))
    peak = np.abs(sum(levelled.values(), np.zeros_like(stems["vocals"]))).max()
    mixed = {name: stem * (PEAK / peak) for name, stem in levelled.items()}
    return mixed | {"mixture": sum(mixed.values(), np.zeros_like(stems["vocals"]))}


def _amplitude(level: float) -> np.float32:
    return np.float32(10.0 ** (level / 20.0))


def _rms(track: Float32Array) -> np.float32:
    return np.float32(np.sqrt(np.mean(np.square(track, dtype=np.float64))))
