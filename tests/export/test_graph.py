"""The ONNX graph against the same network in PyTorch, on random weights of the published shapes."""

import numpy as np
import onnx
import pytest

from stemd_export.errors import ExportError
from stemd_export.parity import Array, difference, probe_magnitude, run
from stemd_export.spleeter.graph import HALF_FROM, mask_graph
from stemd_export.spleeter.weights import VOCALS, unet_weights
from tests.export.reference import Tensors, random_tensors, torch_mask


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return random_tensors(7)


@pytest.fixture(scope="module")
def graph(tensors: Tensors) -> bytes:
    return mask_graph(unet_weights(tensors, VOCALS), half=False)


def probe(frames: int, seed: int) -> Array:
    """Magnitudes around 1, for which the random weights are made: larger ones drive the mask to 0 or 1 throughout."""
    return probe_magnitude(frames, seed) / np.float32(100)


@pytest.mark.parametrize("frames", [64, 128, 192])
def test_the_graph_is_the_network_in_torch(tensors: Tensors, graph: bytes, frames: int) -> None:
    feed = probe(frames, seed=frames)
    expected = torch_mask(tensors, VOCALS, feed)
    assert expected.shape == feed.shape
    assert expected.std() > 0.05  # a mask that hardly moves would prove nothing
    assert difference(expected, run(graph, feed)).largest <= 1e-5


def test_vocals_are_the_first_of_the_two_networks(tensors: Tensors) -> None:
    feed = probe(64, seed=1)
    second = run(mask_graph(unet_weights(tensors, 1), half=False), feed)
    assert difference(torch_mask(tensors, 1, feed), second).largest <= 1e-5
    assert difference(torch_mask(tensors, VOCALS, feed), second).largest > 0.1


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-3, 1e4])
def test_the_mask_is_a_fraction_at_any_level(graph: bytes, level: float) -> None:
    mask = run(graph, probe(64, seed=2) * np.float32(level))
    assert np.isfinite(mask).all()
    assert mask.min() >= 0
    assert mask.max() <= 1


def test_the_same_weights_give_the_same_bytes(tensors: Tensors, graph: bytes) -> None:
    assert mask_graph(unet_weights(tensors, VOCALS), half=False) == graph


def test_half_precision_halves_the_file_and_hardly_moves_the_mask(tensors: Tensors, graph: bytes) -> None:
    half = mask_graph(unet_weights(tensors, VOCALS), half=True)
    assert len(half) < 0.51 * len(graph)
    feed = probe(128, seed=3)
    found = difference(run(graph, feed), run(half, feed))
    assert 0 < found.rms < 1e-3


def test_only_large_kernels_are_stored_in_half_precision(tensors: Tensors) -> None:
    model = onnx.load_from_string(mask_graph(unet_weights(tensors, VOCALS), half=True))
    for constant in model.graph.initializer:
        half = constant.data_type == onnx.TensorProto.FLOAT16
        assert half == (int(np.prod(constant.dims)) >= HALF_FROM), constant.name


def test_a_length_between_multiples_of_64_is_refused_by_the_runtime(graph: bytes) -> None:
    with pytest.raises(Exception, match="Concat"):
        run(graph, probe(80, seed=4))


@pytest.mark.parametrize("name", ["conv2d/kernel", "conv2d_transpose_5/bias", "batch_normalization_11/gamma"])
def test_a_checkpoint_of_another_network_is_refused_by_the_tensors_name(tensors: Tensors, name: str) -> None:
    with pytest.raises(ExportError, match=f"{name}' is missing"):
        unet_weights({k: v for k, v in tensors.items() if k != name}, VOCALS)
    with pytest.raises(ExportError, match=f"{name}' is float32"):
        unet_weights({**tensors, name: np.zeros(9, np.float32)}, VOCALS)
