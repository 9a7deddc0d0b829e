"""The demo's song: laws that its stems keep at any rate, length and seed."""

import functools

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd_bench.song import make_song
from stemd_bench.song.score import SungNote
from stemd_bench.song.voice import sing

STEMS = {"drums", "bass", "other", "vocals"}
# rate, seconds, seed: the default, and others.
SONGS = [(44_100, 30.0, 0), (44_100, 9.5, 1), (48_000, 12.0, 2), (22_050, 6.0, 3)]

song = functools.cache(make_song)


def sdr(reference: Float32Array, estimate: Float32Array) -> float:
    error = reference.astype(np.float64) - estimate
    return float(10 * np.log10(np.square(reference, dtype=np.float64).sum() / np.square(error).sum()))


def mean_pitch(sound: Float32Array, low: float, high: float, rate: int) -> float:
    """The frequency (Hz) between `low` and `high` at which the sound resembles itself the most."""
    spectrum = np.fft.rfft(sound, 2 * sound.size)
    likeness = np.fft.irfft(np.square(np.abs(spectrum)))
    lags = np.arange(int(rate / high), int(rate / low))
    return rate / int(lags[np.argmax(likeness[lags])])


def test_the_default_is_half_a_minute_at_44_100() -> None:
    assert all(track.shape == (2, 30 * 44_100) for track in song().values())


@pytest.mark.parametrize(("rate", "seconds", "seed"), SONGS)
class TestSong:
    def test_every_track_is_stereo_float32_of_the_length_asked_for(self, rate: int, seconds: float, seed: int) -> None:
        tracks = song(rate, seconds, seed)
        assert set(tracks) == STEMS | {"mixture"}
        assert {(track.shape, track.dtype) for track in tracks.values()} == {
            ((2, round(rate * seconds)), np.dtype(np.float32))
        }

    def test_the_mixture_is_the_sum_of_the_stems(self, rate: int, seconds: float, seed: int) -> None:
        tracks = song(rate, seconds, seed)
        total = sum((tracks[stem].astype(np.float64) for stem in STEMS), np.zeros(()))
        assert np.abs(tracks["mixture"] - total).max() < 1e-6

    def test_the_voice_is_well_below_the_band(self, rate: int, seconds: float, seed: int) -> None:
        tracks = song(rate, seconds, seed)
        assert -6 < sdr(tracks["vocals"], tracks["mixture"]) < -3

    def test_levels_are_sane(self, rate: int, seconds: float, seed: int) -> None:
        for name, track in song(rate, seconds, seed).items():
            assert np.isfinite(track).all()
            assert np.abs(track).max() <= 0.9
            assert 0.02 < np.sqrt(np.square(track).mean()) < 0.3, f"{name} is too soft or too loud"
            # Not zero: a song that is faded out in the middle of a low note leaves a part of a period over.
            assert np.abs(track.mean(axis=1)).max() < 1e-4, f"{name} has an offset"

    def test_it_starts_and_ends_in_silence(self, rate: int, seconds: float, seed: int) -> None:
        mixture = song(rate, seconds, seed)["mixture"]
        assert max(np.abs(mixture[:, 0]).max(), np.abs(mixture[:, -1]).max()) < 1e-3


def test_a_seed_gives_the_same_bytes_again_and_another_seed_another_song() -> None:
    first, second, other = make_song(seconds=6.0), make_song(seconds=6.0), make_song(seconds=6.0, seed=1)
    for name, track in first.items():
        assert track.tobytes() == second[name].tobytes()
        assert track.tobytes() != other[name].tobytes()


def test_a_song_that_ends_before_the_voice_is_refused() -> None:
    with pytest.raises(ValueError, match="before the voice"):
        make_song(seconds=2.0)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_the_voice_sings_the_written_note_at_the_written_time(rate: int) -> None:
    # Late in the track: a step that is off by a fraction of a frame has drifted far by then.
    note = SungNote(start=25.0, seconds=2.0, pitch=69.0, phones=("AA",))
    voice = sing([note], rate, 28 * rate, np.random.default_rng(0))
    power = np.square(voice, dtype=np.float64)
    centre = np.average(np.arange(voice.size) / rate, weights=power)
    assert abs(centre - 26.0) < 0.03
    held = voice[int(25.3 * rate) : int(26.8 * rate)]
    assert abs(12 * np.log2(mean_pitch(held, 200.0, 800.0, rate) / 440.0)) < 0.5
