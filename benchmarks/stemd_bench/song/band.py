"""Who plays what: drums, bass, and piano with guitar, each a stereo track made from the bars of the song."""

import functools
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from stemd.audio import Float32Array

from . import instruments
from .room import place, with_room
from .score import BEATS_PER_BAR, SECONDS_PER_BEAT, Bar

TIMING = 0.004  # seconds, standard deviation: nobody plays on the grid
BASS_BEATS = ((0.0, 1.4, 0), (1.5, 0.9, 0), (2.5, 0.45, 0), (3.0, 0.45, 7), (3.5, 0.45, 12))  # beat, length, interval
PIANO_BEATS = ((0.0, 1.4), (1.5, 2.2))
GUITAR_ORDER = (0, 2, 1, 3, 2, 1, 3, 2)  # which of the chord's upper notes, eighth by eighth


def drums(song: Sequence[Bar], rate: int, frames: int, rng: np.random.Generator) -> Float32Array:
    """Kick, snare, toms and cymbals, (2, frames)."""
    track = np.zeros((2, frames), np.float32)
    kick, snare = instruments.kick(rate), instruments.snare(rate, rng)
    closed, crash = instruments.cymbal(0.025, rate, rng), instruments.cymbal(0.45, rate, rng)
    toms = [instruments.tom(frequency, rate) for frequency in (200.0, 150.0, 105.0)]

    def strike(bar: Bar, beat: float, sound: Float32Array, gain: float, pan: float) -> None:
        touch = gain * rng.uniform(0.85, 1.0)
        place(track, sound, _moment(bar, beat, rng), touch, pan, rate)

    for bar in song:
        for beat in (0.0, 1.5, 2.5) if bar.chorus else (0.0, 2.5):
            strike(bar, beat, kick, 1.0, 0.0)
        for beat in (1.0,) if bar.last else (1.0, 3.0):
            strike(bar, beat, snare, 0.7, -0.05)
        for eighth in range(2 * BEATS_PER_BAR):
            strike(bar, eighth / 2, closed, 0.3 if eighth % 2 == 0 else 0.18, 0.35)
        if bar.last:
            for sixteenth, drum in enumerate((snare, toms[0], toms[1], toms[2])):
                strike(bar, 3.0 + sixteenth / 4, drum, 0.6, 0.4 * sixteenth - 0.6)
    for before, bar in pairwise(song):
        if before.last:
            strike(bar, 0.0, crash, 0.4, -0.4)
    return with_room(track, 0.12, 0.5, rate, rng)


def bass(song: Sequence[Bar], rate: int, frames: int, rng: np.random.Generator) -> Float32Array:
    """A bass in the middle, (2, frames)."""
    track = np.zeros((2, frames), np.float32)
    for bar in song:
        for beat, beats, interval in BASS_BEATS:
            sound = instruments.bass(bar.chord[0] + interval, beats * SECONDS_PER_BEAT, rate)
            place(track, sound, _moment(bar, beat, rng), rng.uniform(0.9, 1.0), 0.0, rate)
    return track


def chords(song: Sequence[Bar], rate: int, frames: int, rng: np.random.Generator) -> Float32Array:
    """An electric piano on the left and a picked guitar on the right, (2, frames)."""
    track = np.zeros((2, frames), np.float32)

    @functools.cache
    def string(pitch: int) -> Float32Array:
        return instruments.plucked_string(pitch, 1.2, rate, rng)

    for bar in song:
        for beat, beats in PIANO_BEATS:
            for pitch in bar.chord[1:]:
                sound = instruments.electric_piano(pitch, beats * SECONDS_PER_BEAT, rate)
                place(track, sound, _moment(bar, beat, rng), 0.25 * rng.uniform(0.8, 1.0), -0.35, rate)
        for eighth, index in enumerate(GUITAR_ORDER):
            gain = (0.5 if bar.chorus else 0.35) * rng.uniform(0.8, 1.0)
            place(track, string(bar.chord[1 + index]), _moment(bar, eighth / 2, rng), gain, 0.45, rate)
    return with_room(track, 0.2, 0.8, rate, rng)


def _moment(bar: Bar, beat: float, rng: np.random.Generator) -> float:
    """When a player strikes that beat (seconds)."""
    return bar.start + beat * SECONDS_PER_BEAT + rng.normal(0.0, TIMING)
