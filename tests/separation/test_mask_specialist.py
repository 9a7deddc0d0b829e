"""Mask networks that are told which frames are wanted, and those that always give all: the estimate is the same."""

from collections.abc import Mapping

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError
from stemd.separation.engines.engine import Value
from stemd.separation.manifest import SpecialistEntry
from stemd.separation.specialist import MASK_BINS, MASK_FRAMES, MASK_LEVEL, MaskSpecialist, level
from tests.networks import noise

ENTRY = SpecialistEntry(stems=("vocals",), file="any.onnx", sha256="0" * 64)
FRAMES = 100 * stft.HOP


class Masking:
    """Masks that hang on the magnitude and on the frame's place."""

    engine = "none"
    outputs = ("mask",)
    placement: Mapping[str, int] = {}

    def __init__(self, *inputs: str, extra: int = 0) -> None:
        self.inputs = inputs
        self.extra = extra
        self.asked: list[tuple[int, ...]] = []

    def run(self, *values: Value) -> list[Float32Array]:
        magnitude, *rest = values
        assert magnitude.shape[2] % MASK_FRAMES == 0
        place = np.linspace(0, 1, magnitude.shape[2], dtype=np.float32)[:, np.newaxis]
        mask: Float32Array = (place * np.tanh(magnitude)).astype(np.float32)
        for wanted in rest:
            assert wanted.dtype == np.int64
            self.asked.append(tuple(int(number) for number in wanted))
            low, high = self.asked[-1]
            mask = mask[:, :, low : high + self.extra]
        return [mask]


def segment(trusted: slice, spill: int | None = None) -> Segment:
    mixture = noise(FRAMES)
    spectrum = stft.analyse(np.pad(mixture, ((0, 0), (stft.HALF, stft.HALF - stft.HOP))))
    return Segment(Span(3, 0, trusted, spill), mixture, spectrum)


@pytest.mark.parametrize(
    ("trusted", "spill"),
    [
        (slice(90 * stft.HOP, 92 * stft.HOP), stft.SPILL),
        (slice(90 * stft.HOP, 92 * stft.HOP), None),
        (slice(0, 98 * stft.HOP), None),
    ],
)
def test_told_or_not_the_estimate_is_the_same(trusted: slice, spill: int | None) -> None:
    all_of_them, wanted = Masking("magnitude"), Masking("magnitude", "wanted")
    given = segment(trusted, spill)
    estimate = MaskSpecialist(ENTRY, all_of_them).run(given)
    assert estimate.shape == (1, 2, given.span.reach)
    assert np.ptp(estimate) > 0.1
    assert np.array_equal(MaskSpecialist(ENTRY, wanted).run(given), estimate)
    assert given.spectrum is not None
    assert wanted.asked == [stft.needed(given.span, 0, given.spectrum.shape[1])]


def test_masks_of_other_frames_than_were_wanted_are_refused() -> None:
    network = Masking("magnitude", "wanted", extra=1)
    with pytest.raises(InferenceError, match=r"\(1, 2, 3, 1024\) where \(1, 2, 2, 1024\) was due"):
        MaskSpecialist(ENTRY, network).run(segment(slice(90 * stft.HOP, 92 * stft.HOP), stft.SPILL))


class Hearing(Masking):
    """Notes what it is given."""

    def __init__(self) -> None:
        super().__init__("magnitude")
        self.heard = np.zeros(0, np.float32)

    def run(self, *values: Value) -> list[Float32Array]:
        self.heard = values[0].copy()
        return super().run(*values)


def scaled(given: Segment, gain: float) -> Segment:
    assert given.spectrum is not None
    return Segment(given.span, given.mixture * np.float32(gain), given.spectrum * np.complex64(gain))


def loudness(given: Segment) -> float:
    assert given.spectrum is not None
    return level(np.abs(given.spectrum[:, :, :MASK_BINS]))


def test_a_quieter_segment_is_separated_alike_to_the_last_bit() -> None:
    network = Masking("magnitude")
    whole = segment(slice(0, 98 * stft.HOP))
    quiet = scaled(whole, 2.0 ** -np.ceil(np.log2(loudness(whole) / MASK_LEVEL)))
    estimate = MaskSpecialist(ENTRY, network).run(quiet)
    for bits in (1, 8, 16):
        found = MaskSpecialist(ENTRY, network).run(scaled(quiet, 2.0**-bits))
        assert np.array_equal(found * np.float32(2.0**bits), estimate)


@pytest.mark.parametrize("times", [0.25, 1.0, 4.0])
def test_a_network_hears_quiet_segments_at_its_level_and_loud_ones_as_they_are(times: float) -> None:
    whole = segment(slice(0, 98 * stft.HOP))
    given = scaled(whole, times * MASK_LEVEL / loudness(whole))
    network = Hearing()
    MaskSpecialist(ENTRY, network).run(given)
    assert given.spectrum is not None
    heard, mirrored = np.split(network.heard[0], [given.spectrum.shape[1]], axis=1)
    assert level(heard) == pytest.approx(max(times, 1.0) * MASK_LEVEL, rel=1e-5)
    assert mirrored.size
    assert np.array_equal(mirrored, heard[:, : -mirrored.shape[1] - 1 : -1]), "what is mirrored is raised alike"


def test_silence_is_silence() -> None:
    whole = segment(slice(0, 98 * stft.HOP))
    assert not MaskSpecialist(ENTRY, Masking("magnitude")).run(scaled(whole, 0.0)).any()


@pytest.mark.parametrize("peak", [1e-44, 1e-30, 1e-22, 1e-9, 1e17, 1e19, 1e34])
def test_however_quiet_or_loud_a_segment_is_networks_hear_numbers(peak: float) -> None:
    whole = segment(slice(0, 98 * stft.HOP))
    assert whole.spectrum is not None
    network = Hearing()
    estimate = MaskSpecialist(ENTRY, network).run(scaled(whole, peak / float(np.abs(whole.spectrum).max())))
    assert np.isfinite(network.heard).all()
    assert np.isfinite(estimate).all()
    assert float(network.heard.max()) == pytest.approx(peak, rel=0.2) or network.heard.max() <= 20 * MASK_LEVEL


def test_what_is_quieter_than_any_music_is_raised_no_further_than_music() -> None:
    whole = segment(slice(0, 98 * stft.HOP))
    network = Hearing()
    for times in (2.0**-20, 2.0**-30):
        MaskSpecialist(ENTRY, network).run(scaled(whole, times * MASK_LEVEL / loudness(whole)))
        assert level(network.heard[0]) == pytest.approx(2.0**20 * times * MASK_LEVEL, rel=0.01)


def test_pauses_and_the_zeros_before_a_song_do_not_make_a_segment_quieter() -> None:
    song = np.abs(noise(2 * 50 * MASK_BINS)).reshape(-1, 50, MASK_BINS)[:2]
    pause = np.zeros((2, 150, MASK_BINS), np.float32)
    assert level(np.concatenate([pause, song, pause], axis=1)) == pytest.approx(level(song))
    assert level(song) == pytest.approx(np.sqrt(np.square(song).mean()), rel=0.01)
