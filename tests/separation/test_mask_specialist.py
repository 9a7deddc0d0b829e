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
from stemd.separation.specialist import MASK_FRAMES, MaskSpecialist
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
