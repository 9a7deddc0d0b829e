"""The STFT and its inverse as ONNX operators, against demucs' own in float64."""

import onnx
import pytest

from stemd.audio import Float32Array
from stemd.dsp.spectra import SegmentSpectra
from stemd_export.errors import ExportError
from stemd_export.graph import Graph
from stemd_export.htdemucs import transforms
from stemd_export.parity import run
from tests.demucs_transforms import apart, chord, ispec, random_spectrogram, spec
from tests.networks import noise

CLOSE = 1e-6
# A whole segment, a tenth of one, and lengths around the padding (1 536), a hop and a window.
LENGTHS = [343_980, 35_280, 1, 1_023, 1_024, 1_025, 1_536, 1_537, 2_560, 2_561, 4_096, 4_097]
OPERATORS = {"Add", "Concat", "Identity", "MatMul", "Mul", "Pad", "Reshape", "Slice", "Transpose"}


def forward_graph(frames: int, window: int = 4_096) -> bytes:
    g = Graph(17)
    g.op("Identity", transforms.spectrogram(g, "mix", frames, window), output="spectrogram")
    shape = (1, 4, window // 2, -(-frames // (window // 4)))
    return g.model("forward", {"mix": (1, 2, frames)}, {"spectrogram": shape}, "")


def inverse_graph(count: int, frames: int, window: int = 4_096) -> bytes:
    g = Graph(17)
    g.op("Identity", transforms.waveform(g, "spectrogram", count, frames, window), output="stems")
    shape = (1, 4 * count, window // 2, -(-frames // (window // 4)))
    return g.model("inverse", {"spectrogram": shape}, {"stems": (1, 2 * count, frames)}, "")


def forward(mixture: Float32Array, window: int = 4_096) -> Float32Array:
    out: Float32Array = run(forward_graph(mixture.shape[1], window), mixture[None])[0]
    return out


def inverse(spectrogram: Float32Array, frames: int, window: int = 4_096) -> Float32Array:
    out: Float32Array = run(inverse_graph(len(spectrogram) // 4, frames, window), spectrogram[None])[0]
    return out


@pytest.mark.parametrize("frames", LENGTHS)
def test_the_spectrogram_is_demucs(frames: int) -> None:
    for mixture in (noise(frames), chord(frames)):
        assert apart(forward(mixture), spec(mixture.astype(float), 4_096)) < CLOSE


@pytest.mark.parametrize("frames", LENGTHS)
@pytest.mark.parametrize("count", [1, 3])
def test_the_samples_of_any_spectrogram_are_demucs(frames: int, count: int) -> None:
    spectrogram = random_spectrogram(2 * count, 4_096, frames)
    assert apart(inverse(spectrogram, frames), ispec(spectrogram.astype(float), frames, 4_096)) < CLOSE


@pytest.mark.parametrize("window", [16, 32, 64, 512, 2_048, 8_192])
def test_any_power_of_two_is_a_window(window: int) -> None:
    frames = 3 * window + 5
    mixture, spectrogram = noise(frames), random_spectrogram(2, window, frames)
    assert apart(forward(mixture, window), spec(mixture.astype(float), window)) < CLOSE
    assert apart(inverse(spectrogram, frames, window), ispec(spectrogram.astype(float), frames, window)) < CLOSE


@pytest.mark.parametrize("start", [1, 32, 64])
def test_every_length_in_a_hop_agrees(start: int) -> None:
    window = 64
    for frames in range(start, start + 16):
        mixture, spectrogram = noise(frames), random_spectrogram(2, window, frames)
        assert apart(forward(mixture, window), spec(mixture.astype(float), window)) < CLOSE, frames
        assert apart(inverse(spectrogram, frames, window), ispec(spectrogram.astype(float), frames, window)) < CLOSE


def test_the_daemons_transforms_and_the_graphs_agree() -> None:
    spectra, mixture = SegmentSpectra(35_280), noise(35_280)
    spectrogram = spectra.forward(mixture)
    assert apart(forward(mixture), spectrogram) < CLOSE
    assert apart(inverse(spectrogram, 35_280), spectra.inverse(spectrogram)) < CLOSE


@pytest.mark.parametrize("graph", [forward_graph(343_980), inverse_graph(1, 343_980)])
def test_plain_operators_and_small_tables_suffice(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    assert {node.op_type for node in model.graph.node} <= OPERATORS
    assert len(graph) < 1_250_000
    assert len(model.graph.node) < 30


@pytest.mark.parametrize("window", [0, 8, 4_095, 4_097, 6_144])
def test_other_windows_are_refused_by_their_size(window: int) -> None:
    with pytest.raises(ExportError, match=f"window of {window} samples"):
        forward_graph(5_000, window)
