"""What a mask network is fed beyond the STFT frames that there are: their mirror, for it takes multiples of 64."""

from collections.abc import Mapping

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.separation.engines.engine import Value
from stemd.separation.manifest import SpecialistEntry
from stemd.separation.specialist import MASK_BINS, MASK_FRAMES, MaskSpecialist
from tests.networks import noise

ENTRY = SpecialistEntry(stems=("vocals",), file="any.onnx", sha256="0" * 64)


class Recording:
    """A fake network: keeps what it is fed, and lets everything through."""

    engine = "none"
    inputs = ("magnitude",)
    outputs = ("mask",)
    placement: Mapping[str, int] = {}

    def __init__(self) -> None:
        self.fed: Float32Array = np.zeros(0, np.float32)

    def run(self, *values: Value) -> list[Float32Array]:
        self.fed = values[0].astype(np.float32)
        return [np.ones_like(self.fed)]


def fed(count: int) -> tuple[Float32Array, Float32Array]:
    """What a network is fed of a segment of so many STFT frames, and their magnitudes; (2, frames, bins) both."""
    network, length = Recording(), (count + 1) * stft.HOP
    mixture = noise(length, seed=count)
    spectrum = stft.analyse(np.pad(mixture, ((0, 0), (stft.HALF, 0))))
    assert spectrum.shape[1] == count
    span = Span(0, 0, slice(0, min(length, stft.HOP)))
    estimate = MaskSpecialist(ENTRY, network).run(Segment(span, mixture, spectrum))
    assert estimate.shape == (1, 2, span.frames)
    assert network.fed.shape[0] == 1
    return network.fed[0], np.abs(spectrum[:, :, :MASK_BINS])


@pytest.mark.parametrize("count", [33, 63, 65, 100, 127, 224])
def test_beyond_the_last_frame_is_the_mirror_of_the_last_ones(count: int) -> None:
    seen, true = fed(count)
    assert seen.shape[1] == -(-count // MASK_FRAMES) * MASK_FRAMES
    assert np.array_equal(seen[:, :count], true)
    lacking = seen.shape[1] - count
    assert 0 < lacking <= count
    assert np.array_equal(seen[:, count:], true[:, count - lacking :][:, ::-1])


@pytest.mark.parametrize("count", [64, 128])
def test_a_multiple_of_64_frames_is_fed_untouched(count: int) -> None:
    seen, true = fed(count)
    assert np.array_equal(seen, true)


@pytest.mark.parametrize("count", [2, 3, 21, 31, 32])
def test_the_mirror_of_few_frames_is_mirrored_again(count: int) -> None:
    seen, true = fed(count)
    assert seen.shape[1] == MASK_FRAMES
    back_and_forth = np.concatenate([true, true[:, ::-1]], axis=1)
    again = np.tile(back_and_forth, (1, MASK_FRAMES, 1))[:, :MASK_FRAMES]
    assert np.array_equal(seen, again)
