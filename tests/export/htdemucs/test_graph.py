"""The exported graph is the stock network: for every source, every way of writing it, every way of storing it."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from stemd.audio import Float32Array
from stemd.dsp.spectra import SegmentSpectra
from stemd.store.song import bars
from stemd_export.htdemucs.bag import Expert
from stemd_export.htdemucs.build import hybrid_graph
from stemd_export.htdemucs.seeded import NARROW, seeded_model
from stemd_export.htdemucs.weights import Network, read


def run(graph: bytes, mixture: Float32Array, count: int) -> Float32Array:
    """As the daemon runs it: (count, 2, frames)."""
    spectra = SegmentSpectra(mixture.shape[1])
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    feed = {"spectrogram": spectra.forward(mixture)[None], "mixture": mixture[None]}
    spectrogram, samples = session.run(None, feed)
    out: Float32Array = (spectra.inverse(spectrogram[0]) + samples[0]).reshape(count, 2, -1)
    return out


def stock(model: torch.nn.Module, mixture: Float32Array) -> Float32Array:
    with torch.inference_mode():
        out: Float32Array = model(torch.from_numpy(mixture)[None]).numpy()[0]
    return out


def assert_equal(found: Float32Array, expected: Float32Array, of_peak: float = 1e-5, snr: float = 110) -> None:
    error = found.astype(np.float64) - expected
    assert np.abs(error).max() <= of_peak * np.abs(expected).max()
    assert 10 * np.log10(np.square(expected.astype(np.float64)).sum() / np.square(error).sum()) >= snr


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (3,), (3, 0), (0, 1, 2, 3)])
@pytest.mark.parametrize("attention", ["fused", "plain"])
def test_the_graph_is_the_network(vocals: Expert, vocals_network: Network, wanted: Sequence[int], attention) -> None:
    mixture = bars(vocals.frames, 44_100)
    graph = hybrid_graph(vocals_network, wanted, attention=attention)
    assert_equal(run(graph, mixture, len(wanted)), stock(vocals.model, mixture)[list(wanted)])


@pytest.mark.parametrize(
    "change",
    [
        {"bottom_channels": 0, "t_heads": 4},  # as htdemucs_6s: the transformer is as wide as the last encoder
        {"sources": ["drums", "bass", "other", "vocals", "guitar", "piano"]},
        {"t_layers": 3},
        {"dconv_mode": 1},  # no residuals in the decoders
        {"t_weight_pos_embed": 0.3, "freq_emb": 0.7},
        {"segment": 1 / 3},  # 14 700 frames: no multiple of the hop
    ],
)
def test_architectures_that_differ_are_followed(change: dict[str, object]) -> None:
    model = seeded_model({**NARROW, **change}, 5)
    frames = int(model.segment * model.samplerate)
    everything = range(len(model.sources))
    mixture = bars(frames, 44_100)
    graph = hybrid_graph(read(model, frames), everything)
    assert_equal(run(graph, mixture, len(everything)), stock(model, mixture))


@pytest.mark.parametrize("signal", [np.zeros, np.ones, lambda shape, dtype: np.full(shape, 1e-9, dtype)])
def test_silence_and_a_constant_give_what_the_network_gives(
    vocals: Expert, vocals_network: Network, signal: Callable[..., Float32Array]
) -> None:
    mixture = signal((2, vocals.frames), dtype=np.float32)
    found = run(hybrid_graph(vocals_network, (3,)), mixture, 1)
    expected = stock(vocals.model, mixture)[3:]
    assert np.isfinite(found).all()
    # Of a constant the network sees rounding alone, enlarged; it can be compared with the input only.
    np.testing.assert_allclose(found, expected, atol=1e-3 * max(1e-6, float(np.abs(mixture).max())))


def test_only_the_wanted_sources_are_computed(vocals_network: Network) -> None:
    outputs = {}
    for wanted in ((3,), (0, 1, 2, 3)):
        graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(hybrid_graph(vocals_network, wanted)))
        shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.graph.value_info}
        last = [n for n in graph.graph.node if n.op_type == "ConvTranspose" and n.name.startswith("decoder3/")]
        outputs[len(wanted)] = sorted(shapes[node.output[0]][1] for node in last)
    assert outputs == {1: [2, 4], 4: [8, 16]}


def test_no_mean_is_taken_over_much_in_one_stage(vocals_network: Network) -> None:
    graph = onnx.load_from_string(hybrid_graph(vocals_network, (3,)))
    constants = {c.name: numpy_helper.to_array(c) for c in graph.graph.initializer}
    axes = [tuple(constants[node.input[1]]) for node in graph.graph.node if node.op_type == "ReduceMean"]
    assert set(axes) <= {(3,), (1,), (0,), (1, 2)}
    # Both first stages of the standardised inputs come before their second, over channels and rows.
    assert Counter(axes)[(1, 2)] == 4


def test_the_same_weights_give_the_same_bytes(vocals_network: Network) -> None:
    assert hybrid_graph(vocals_network, (3,)) == hybrid_graph(vocals_network, (3,))


def test_half_precision_loses_not_a_bit_of_a_checkpoint_in_half_precision(
    vocals: Expert, vocals_network: Network
) -> None:
    mixture = bars(vocals.frames, 44_100)
    full = hybrid_graph(vocals_network, (3,))
    half = hybrid_graph(vocals_network, (3,), storage="float16")
    assert len(half) < 0.7 * len(full)
    np.testing.assert_array_equal(run(half, mixture, 1), run(full, mixture, 1))


def test_eight_bits_lose_something_and_not_too_much(vocals: Expert, vocals_network: Network) -> None:
    mixture = bars(vocals.frames, 44_100)
    small = run(hybrid_graph(vocals_network, (3,), storage="int8"), mixture, 1)
    full = run(hybrid_graph(vocals_network, (3,)), mixture, 1)
    assert_equal(small, full, of_peak=1e-2, snr=50)
    assert not np.array_equal(small, full)


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_the_graph_is_small_enough_to_read(vocals_network: Network, storage) -> None:
    assert len(onnx.load_from_string(hybrid_graph(vocals_network, (3,), storage=storage)).graph.node) <= 2_000
