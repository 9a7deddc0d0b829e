"""The ONNX graph against the same network in PyTorch, on random weights of the published shapes."""

import numpy as np
import onnx
import pytest

from stemd_export.errors import ExportError
from stemd_export.parity import Array, difference, probe_magnitude, run
from stemd_export.spleeter.builder import BYTES_FROM, HALF_FROM
from stemd_export.spleeter.graph import all_frames, mask_graph
from stemd_export.spleeter.weights import ACCOMPANIMENT, VOCALS, unet_weights
from tests.export.reference import Tensors, random_tensors, torch_mask, torch_ratio


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return random_tensors(7)


@pytest.fixture(scope="module")
def graph(tensors: Tensors) -> bytes:
    return joint(tensors, small=False)


def joint(tensors: Tensors, *, small: bool) -> bytes:
    return mask_graph(unet_weights(tensors, VOCALS), unet_weights(tensors, ACCOMPANIMENT), small=small)


def masks(graph: bytes, magnitude: Array) -> Array:
    """Of every frame."""
    return run(graph, magnitude, all_frames(magnitude))


def probe(frames: int, seed: int) -> Array:
    """Magnitudes around 1, for which the random weights are made: larger ones drive the mask to 0 or 1 throughout."""
    return probe_magnitude(frames, seed) / np.float32(100)


@pytest.mark.parametrize("frames", [64, 128, 192])
def test_the_graph_is_the_ratio_of_both_networks_in_torch(tensors: Tensors, graph: bytes, frames: int) -> None:
    feed = probe(frames, seed=frames)
    expected = torch_ratio(tensors, feed)
    assert expected.shape == feed.shape
    assert expected.std() > 0.05  # a mask that hardly moves would prove nothing
    assert difference(expected, masks(graph, feed)).largest <= 1e-5


def test_the_accompaniments_mask_is_the_rest(tensors: Tensors, graph: bytes) -> None:
    feed = probe(64, seed=1)
    swapped = mask_graph(unet_weights(tensors, ACCOMPANIMENT), unet_weights(tensors, VOCALS), small=False)
    assert difference(1 - masks(graph, feed), masks(swapped, feed)).largest <= 1e-6
    assert difference(torch_mask(tensors, VOCALS, feed), masks(graph, feed)).largest > 0.1


def test_where_neither_network_finds_anything_each_gets_half(tensors: Tensors) -> None:
    silent = {**tensors, "conv2d_6/bias": np.full(2, -1e3, np.float32), "conv2d_13/bias": np.full(2, -1e3, np.float32)}
    np.testing.assert_array_equal(masks(joint(silent, small=False), probe(64, seed=1)), np.float32(0.5))


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-3, 1e4])
def test_the_mask_is_a_fraction_at_any_level(graph: bytes, level: float) -> None:
    mask = masks(graph, probe(64, seed=2) * np.float32(level))
    assert np.isfinite(mask).all()
    assert mask.min() >= 0
    assert mask.max() <= 1


@pytest.mark.parametrize("small", [False, True])
def test_the_same_weights_give_the_same_bytes(tensors: Tensors, small: bool) -> None:
    assert joint(tensors, small=small) == joint(tensors, small=small)


def test_small_kernels_make_a_quarter_of_the_file_and_hardly_move_the_mask(tensors: Tensors, graph: bytes) -> None:
    small = joint(tensors, small=True)
    assert len(small) < 0.26 * len(graph)
    feed = probe(128, seed=3)
    found = difference(masks(graph, feed), masks(small, feed))
    assert 0 < found.rms < 2e-2


def test_the_larger_a_kernel_the_fewer_its_bits(tensors: Tensors) -> None:
    model = onnx.load_from_string(joint(tensors, small=True))
    kernels = [c for c in model.graph.initializer if ".kernel" in c.name and not c.name.endswith(".scale")]
    assert len(kernels) == 26
    for kernel in kernels:
        size = int(np.prod(kernel.dims))
        expected = onnx.TensorProto.FLOAT if size < HALF_FROM else onnx.TensorProto.FLOAT16
        assert kernel.data_type == (expected if size < BYTES_FROM else onnx.TensorProto.INT8), kernel.name


def test_a_length_between_multiples_of_64_is_refused_by_the_runtime(graph: bytes) -> None:
    with pytest.raises(Exception, match="Reshape"):
        masks(graph, probe(80, seed=4))


@pytest.mark.parametrize("name", ["conv2d/kernel", "conv2d_transpose_5/bias", "batch_normalization_11/gamma"])
def test_a_checkpoint_of_another_network_is_refused_by_the_tensors_name(tensors: Tensors, name: str) -> None:
    with pytest.raises(ExportError, match=f"{name}' is missing"):
        unet_weights({k: v for k, v in tensors.items() if k != name}, VOCALS)
    with pytest.raises(ExportError, match=f"{name}' is float32"):
        unet_weights({**tensors, name: np.zeros(9, np.float32)}, VOCALS)
