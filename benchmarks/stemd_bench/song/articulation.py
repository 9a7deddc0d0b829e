"""From notes to what a singer does: pitch, breath, formants and noises as tracks, one value per step of a grid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stemd.audio import Float32Array

from .phones import CONSONANTS, INHALATION, VOWELS, Target
from .score import SungNote

GLIDE = 0.09  # seconds from one pitch to the next
SCOOP = 1.5  # semitones below its pitch where a phrase begins
VIBRATO_RATE, VIBRATO_DEPTH, VIBRATO_DELAY = 5.6, 0.45, 0.18  # Hz, semitones, seconds after the note's start
DRIFT, JITTER, SHIMMER = 0.12, 0.05, 0.05  # deviations: semitones, semitones, of the amplitude
SECOND_VOWEL = 0.12  # seconds at the end of a note that go to the second half of a diphthong
PHRASE_GAP = 0.05  # seconds without a note after which the singer takes breath
TONGUE, LIPS, LUNGS = 0.06, 0.02, 0.10  # seconds that each takes to move


@dataclass(frozen=True, slots=True)
class Grid:
    """Points in time: `step` seconds apart, `count` of them, the first at 0."""

    step: float
    count: int

    def index(self, seconds: float) -> int:
        """The point nearest to that time, none before the first."""
        return max(0, round(seconds / self.step))

    def smooth(self, track: Float32Array, seconds: float) -> Float32Array:
        """The track through a Hann window of that length, its ends held."""
        window = np.hanning(self.index(seconds) + 2)[1:-1].astype(np.float32)
        before = window.size // 2
        held = np.pad(track, (before, window.size - 1 - before), mode="edge")
        smoothed: Float32Array = np.convolve(held, window / window.sum(), mode="valid").astype(np.float32)
        return smoothed

    def noise(self, seconds: float, rng: np.random.Generator) -> Float32Array:
        """Noise of deviation 1 that changes within about that time."""
        noise = self.smooth(rng.standard_normal(self.count).astype(np.float32), seconds)
        scaled: Float32Array = noise / noise.std()
        return scaled


@dataclass(frozen=True, slots=True)
class Tracks:
    """What the singer does, each (points,) but `formants` (3, points)."""

    pitch: Float32Array  # MIDI
    voice: Float32Array  # amplitude of the pulses
    breath: Float32Array  # amplitude of the noise at the glottis
    hiss: Float32Array  # amplitude of the noise at a constriction
    hiss_centre: Float32Array  # Hz
    hiss_width: Float32Array  # Hz
    formants: Float32Array  # Hz


def perform(notes: Sequence[SungNote], grid: Grid, rng: np.random.Generator) -> Tracks:
    """The tracks of `notes`."""
    rows = np.repeat(_row(Target(VOWELS["AH"][0].formants, voice=0.0, breath=0.0))[:, None], grid.count, axis=1)
    effort = np.zeros(grid.count, np.float32)
    for note, rested in zip(notes, _rested(notes), strict=True):
        targets = list(_targets(note, rested))
        first, last = grid.index(targets[0][0]), grid.index(note.start + note.seconds)
        if rested:
            effort[grid.index(targets[0][0] - LUNGS / 2) : first] = 0.0
        # The higher, the louder, as in any untrained voice.
        effort[first:last] = 1.0 + 0.03 * (note.pitch - 64)
        for start, target in targets:
            rows[:, grid.index(start) : last] = _row(target)[:, None]
    formants = np.stack([grid.smooth(row, TONGUE) for row in rows[:3]])
    loudness = grid.smooth(effort, LUNGS) * (1 + SHIMMER * grid.noise(0.02, rng))
    voice, breath, hiss = (loudness * grid.smooth(row, LIPS) for row in rows[3:6])
    return Tracks(_pitch(notes, grid, rng), voice, breath, hiss, rows[6], rows[7], formants)


def _rested(notes: Sequence[SungNote]) -> Iterator[bool]:
    """Of each note, whether there is time for a breath before it."""
    end = -np.inf
    for note in notes:
        yield note.start - end > PHRASE_GAP
        end = note.start + note.seconds


def _targets(note: SungNote, rested: bool) -> Iterator[tuple[float, Target]]:
    """When (seconds) each target of the syllable begins; its vowel begins on the beat, so its consonants before."""
    vowel = next(index for index, phone in enumerate(note.phones) if phone in VOWELS)
    onset = [target for phone in note.phones[:vowel] for target in CONSONANTS[phone]]
    if rested:
        onset.insert(0, INHALATION)
    coda = [target for phone in note.phones[vowel + 1 :] for target in CONSONANTS[phone]]
    start = note.start - sum(target.seconds for target in onset)
    for target in onset:
        yield start, target
        start += target.seconds
    end = note.start + note.seconds - sum(target.seconds for target in coda)
    glide = end - min(SECOND_VOWEL, 0.4 * (end - note.start))
    yield from zip((note.start, glide), VOWELS[note.phones[vowel]], strict=False)
    for target in coda:
        yield end, target
        end += target.seconds


def _row(target: Target) -> Float32Array:
    noises = (target.voice, target.breath, target.hiss, target.hiss_centre, target.hiss_width)
    return np.array((*target.formants, *noises), np.float32)


def _pitch(notes: Sequence[SungNote], grid: Grid, rng: np.random.Generator) -> Float32Array:
    """The pitch in semitones: notes joined by glides, scooped into after a rest, vibrato once a note is held."""
    pitch = np.zeros(grid.count, np.float32)
    depth = np.zeros(grid.count, np.float32)
    end = 0.0
    for note, rested in zip(notes, _rested(notes), strict=True):
        # From the end of the last note on, for the consonants before the beat have the new pitch.
        pitch[grid.index(end - GLIDE / 2) :] = note.pitch
        if rested:
            pitch[grid.index(note.start - 0.15) : grid.index(note.start + 0.02)] -= SCOOP
        end = note.start + note.seconds
        depth[grid.index(note.start + VIBRATO_DELAY) : grid.index(end)] = VIBRATO_DEPTH
    wander = VIBRATO_RATE * (1 + 0.06 * grid.noise(0.6, rng))
    vibrato = grid.smooth(depth, 0.3) * np.sin(2 * np.pi * grid.step * np.cumsum(wander))
    flaws = DRIFT * grid.noise(0.25, rng) + JITTER * grid.noise(0.01, rng)
    return (grid.smooth(pitch, GLIDE) + vibrato + flaws).astype(np.float32)
