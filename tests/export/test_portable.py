"""The portable graph of a narrow HT-Demucs, against the stock network in PyTorch."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch

from stemd.audio import Float32Array
from stemd_export.htdemucs import transformer
from stemd_export.htdemucs.portable import portable_graph
from stemd_export.htdemucs.seeded import NARROW, seeded_model
from stemd_export.htdemucs.weights import Network, read
from stemd_export.parity import run
from tests.demucs_transforms import apart
from tests.networks import noise

CLOSE = 5e-6
# What ONNX 17 knows and no runtime lacks: LayerNormalization is the newest.
OPERATORS = {
    "Add",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Div",
    "Erf",
    "Expand",
    "Gemm",
    "LayerNormalization",
    "MatMul",
    "Mul",
    "Neg",
    "Pad",
    "Pow",
    "ReduceMean",
    "Reshape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Sqrt",
    "Sub",
    "Transpose",
}


@pytest.fixture(scope="module")
def model() -> Any:
    return seeded_model(NARROW, 11)


def network(model: Any, frames: int = 35_280) -> Network:
    return read(model, frames)


def stock(model: Any, mixture: Float32Array) -> Float32Array:
    """All sources, by demucs itself: (sources, 2, frames)."""
    with torch.no_grad():
        out: Float32Array = model(torch.from_numpy(mixture)[None]).numpy()[0]
    return out


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (3,), (3, 0), (1, 2, 3), (0, 1, 2, 3)])
def test_the_graph_is_the_stock_network_for_the_wanted_stems(model: Any, wanted: tuple[int, ...]) -> None:
    mixture = noise(35_280)
    found = run(portable_graph(network(model), wanted), mixture[None])[0]
    assert found.shape == (len(wanted), 2, 35_280)
    assert apart(found, stock(model, mixture)[list(wanted)]) < CLOSE


def test_the_stems_differ_and_the_transformer_matters(model: Any) -> None:
    stems = stock(model, noise(35_280))
    assert all(apart(a, b) > 0.1 for i, a in enumerate(stems) for b in stems[:i])


def test_queries_in_blocks_give_what_all_at_once_give(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mixture = noise(35_280)
    monkeypatch.setattr(transformer, "QUERIES_AT_ONCE", 99)
    graph = portable_graph(network(model), (3,))
    blocks = sum(node.op_type == "Softmax" for node in onnx.load_from_string(graph).graph.node)
    assert blocks == 5 * (3 + 2)  # 280 and 138 tokens
    assert apart(run(graph, mixture[None])[0, 0], stock(model, mixture)[3]) < CLOSE


@pytest.mark.parametrize("level", [0.0, 1e-4, 8.0])
def test_silence_and_any_level_come_out_as_from_the_stock_network(model: Any, level: float) -> None:
    mixture = noise(35_280) * np.float32(level)
    found = run(portable_graph(network(model), (2,)), mixture[None])[0, 0]
    expected = stock(model, mixture)[2]
    assert np.abs(found - expected).max() <= CLOSE * max(np.abs(expected).max(), 1e-3)


def test_any_runtime_of_opset_17_knows_every_operator(model: Any) -> None:
    graph = onnx.load_from_string(portable_graph(network(model), (0,)))
    assert [(o.domain, o.version) for o in graph.opset_import] == [("", 17)]
    assert graph.ir_version == 8
    assert {(node.domain, node.op_type) for node in graph.graph.node} <= {("", kind) for kind in OPERATORS}
    assert [i.name for i in graph.graph.input] == ["mix"]
    assert [o.name for o in graph.graph.output] == ["stems"]


def test_every_shape_is_known_before_it_runs(model: Any) -> None:
    graph = onnx.shape_inference.infer_shapes(
        onnx.load_from_string(portable_graph(network(model), (0,))), strict_mode=True, data_prop=True
    ).graph
    known = {v.name: v.type.tensor_type.shape.dim for v in (*graph.value_info, *graph.output)}
    for node in graph.node:
        assert all(dim.dim_value > 0 for dim in known[node.output[0]]), node.name


def test_no_table_is_larger_than_a_hundredth_of_the_published_network(model: Any) -> None:
    graph = onnx.load_from_string(portable_graph(network(model), (0,))).graph
    weights = sum(parameter.numel() for parameter in model.parameters())
    tables = [c for c in graph.initializer if c.name.startswith(("stft", "istft"))]
    assert max(int(np.prod(c.dims)) for c in tables) <= 262_144
    assert sum(int(np.prod(c.dims)) for c in graph.initializer) < weights + 900_000
    assert len(tables) > 4


@pytest.mark.parametrize(("storage", "less"), [("float16", 1e-6), ("int8", 0.1)])
def test_stored_small_the_arithmetic_stays(model: Any, storage: Any, less: float) -> None:
    mixture = noise(35_280)
    whole = portable_graph(network(model), (1,))
    small = portable_graph(network(model), (1,), storage=storage)
    assert len(small) < len(whole) - 500_000
    assert apart(run(small, mixture[None]), run(whole, mixture[None])) < less


def test_the_same_weights_give_the_same_bytes(model: Any) -> None:
    assert portable_graph(network(model), (0, 3)) == portable_graph(network(model), (0, 3))
