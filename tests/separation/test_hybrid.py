"""Specialists that see spectrogram and samples: what they give the network, and what they make of its answer."""

from collections.abc import Mapping

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.dsp.spectra import SegmentSpectra
from stemd.errors import InferenceError
from stemd.separation.hybrid import HybridSpecialist
from stemd.separation.manifest import SpecialistEntry
from tests.networks import noise

FRAMES = 30_000


class Echo:
    """Stands in for a network: row i is (i + 1) times half of what it saw, in each of the two answers."""

    engine = "echo"
    inputs = ("spectrogram", "mixture")
    outputs = ("spectrogram_out", "waveform_out")
    placement: Mapping[str, int] = {}

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def run(self, *values: Float32Array) -> list[Float32Array]:
        return [np.concatenate([0.5 * (i + 1) * value for i in range(self.rows)], axis=1) for value in values]


def entry(stems: tuple[str, ...], rows: tuple[int, ...] = (), outputs: int | None = None) -> SpecialistEntry:
    return SpecialistEntry(stems=stems, file="a.onnx", sha256="0" * 64, rows=rows, outputs=outputs)


def segment(trusted: slice = slice(0, FRAMES)) -> Segment:
    return Segment(Span(0, 0, trusted), noise(FRAMES), None)


def test_the_estimate_is_the_inverse_transform_plus_the_samples() -> None:
    found = HybridSpecialist(entry(("a", "b")), Echo(2)).run(segment())
    assert found.shape == (2, 2, FRAMES)
    spectra, mixture = SegmentSpectra(FRAMES), segment().mixture
    once = spectra.inverse(spectra.forward(mixture)) + mixture
    for i in range(2):
        np.testing.assert_allclose(found[i], 0.5 * (i + 1) * once, atol=1e-6)


def test_only_the_trusted_frames_are_given() -> None:
    specialist = HybridSpecialist(entry(("a",)), Echo(1))
    np.testing.assert_array_equal(
        specialist.run(segment(slice(700, 9_000))), specialist.run(segment())[:, :, 700:9_000]
    )


def test_rows_are_picked_by_the_manifest() -> None:
    everything = HybridSpecialist(entry(("a", "b", "c")), Echo(3)).run(segment())
    some = HybridSpecialist(entry(("x", "y"), rows=(2, 0), outputs=3), Echo(3)).run(segment())
    np.testing.assert_array_equal(some, everything[[2, 0]])


def test_an_answer_of_another_shape_is_a_fault_of_the_network() -> None:
    with pytest.raises(InferenceError, match=r"gave shapes .* where .* were due"):
        HybridSpecialist(entry(("a",)), Echo(2)).run(segment())
