"""The spectrograms of segments, against demucs' own in float64."""

import numpy as np
import pytest

from stemd.dsp.spectra import SegmentSpectra
from tests.demucs_transforms import apart, chord, ispec, random_spectrogram, spec
from tests.networks import noise

CLOSE = 1e-6
# A whole segment, the lengths around the padding (1 536), around a hop and around a window, and odd ones.
LENGTHS = [
    343_980,
    1,
    2,
    777,
    1_023,
    1_024,
    1_025,
    1_535,
    1_536,
    1_537,
    2_047,
    2_560,
    2_561,
    4_095,
    4_096,
    4_097,
    35_281,
]


@pytest.mark.parametrize("frames", LENGTHS)
def test_a_segments_spectrogram_is_demucs(frames: int) -> None:
    for mixture in (noise(frames), chord(frames)):
        assert apart(SegmentSpectra(frames).forward(mixture), spec(mixture.astype(float), 4_096)) < CLOSE


@pytest.mark.parametrize("frames", LENGTHS)
def test_samples_of_any_spectrogram_are_demucs(frames: int) -> None:
    spectrogram = random_spectrogram(3, 4_096, frames)
    found = SegmentSpectra(frames).inverse(spectrogram)
    assert apart(found, ispec(spectrogram.astype(float), frames, 4_096)) < CLOSE


def test_every_length_up_to_several_windows_agrees() -> None:
    window = 64
    for frames in range(1, 4 * window + 2):
        spectra, mixture, spectrogram = (
            SegmentSpectra(frames, window),
            noise(frames),
            random_spectrogram(2, window, frames),
        )
        assert apart(spectra.forward(mixture), spec(mixture.astype(float), window)) < CLOSE, frames
        assert apart(spectra.inverse(spectrogram), ispec(spectrogram.astype(float), frames, window)) < CLOSE, frames


@pytest.mark.parametrize("frames", [9_000, 35_280, 35_281])
def test_there_and_back_is_the_identity_where_no_window_sees_the_ends(frames: int) -> None:
    time = np.arange(frames)
    mixture = np.stack([np.sin(time * 0.03), np.cos(time * 0.7)]).astype(np.float32)
    spectra = SegmentSpectra(frames)
    back = spectra.inverse(spectra.forward(mixture))
    assert np.abs(back - mixture)[:, 3_584:-3_584].max() < CLOSE


def test_threads_change_nothing() -> None:
    mixture = noise(100_000)
    one, two = SegmentSpectra(100_000), SegmentSpectra(100_000, threads=2)
    np.testing.assert_array_equal(one.forward(mixture), two.forward(mixture))
    np.testing.assert_array_equal(one.inverse(one.forward(mixture)), two.inverse(two.forward(mixture)))
