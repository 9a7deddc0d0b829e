"""What stops the export of the stock network with this PyTorch, and what stemd does instead (see export/README.md)."""

import io
import random
import warnings
from fractions import Fraction
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from demucs.transformer import create_2d_sin_embedding
from onnx import numpy_helper

from stemd_export.htdemucs.bag import Expert
from stemd_export.htdemucs.build import hybrid_graph
from stemd_export.htdemucs.weights import Network


class Part(torch.nn.Module):
    """A part of the stock network, alone."""

    def __init__(self, run: Any) -> None:
        super().__init__()
        self.run = run

    def forward(self, x: torch.Tensor) -> Any:
        return self.run(x)


def exported(run: Any, x: torch.Tensor) -> onnx.ModelProto:
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(Part(run).eval(), (x,), file, dynamo=False, opset_version=17)
    return onnx.load_from_string(file.getvalue())


def kinds(graph: bytes) -> set[str]:
    return {node.op_type for node in onnx.load_from_string(graph).graph.node}


def test_complex_stft_stops_the_stock_network(vocals: Expert) -> None:
    with pytest.raises(torch.onnx.OnnxExporterError, match="STFT does not currently support complex types"):
        exported(lambda x: vocals.model._magnitude(vocals.model._spec(x)), torch.randn(1, 2, vocals.frames))


def test_no_transform_and_no_complex_number_is_in_ours(vocals_network: Network) -> None:
    graph = hybrid_graph(vocals_network, (3,))
    assert not kinds(graph) & {"STFT", "DFT"}
    found = {value.type.tensor_type.elem_type for value in onnx.load_from_string(graph).graph.input}
    assert found == {onnx.TensorProto.FLOAT}


def test_fused_attention_stops_the_stock_network(vocals: Expert) -> None:
    layer = vocals.model.crosstransformer.layers[0]
    with pytest.raises(torch.onnx.OnnxExporterError, match="_native_multi_head_attention"):
        exported(layer, torch.randn(1, 8, layer.linear1.in_features))


def test_each_attention_is_one_operator_in_ours(vocals: Expert, vocals_network: Network) -> None:
    nodes = onnx.load_from_string(hybrid_graph(vocals_network, (3,))).graph.node
    assert sum(node.op_type == "Attention" for node in nodes) == 2 * vocals.model.crosstransformer.num_layers
    assert "Attention" not in kinds(hybrid_graph(vocals_network, (3,), attention="plain"))


def test_a_fraction_no_longer_stops_the_stock_network(vocals: Expert) -> None:
    assert isinstance(vocals.model.segment, Fraction)
    model = exported(lambda x: x[..., : int(vocals.model.segment * vocals.model.samplerate)], torch.randn(1, 2, 40_000))
    assert model.graph.output[0].type.tensor_type.shape.dim[2].dim_value == vocals.frames


def test_our_length_is_a_whole_number_from_the_start(vocals: Expert, vocals_network: Network) -> None:
    assert vocals_network.frames == int(vocals.model.segment * 44_100)
    assert type(vocals_network.frames) is int


def test_randrange_no_longer_stops_the_stock_network_but_is_called(vocals: Expert, monkeypatch: Any) -> None:
    calls = []
    monkeypatch.setattr(random, "randrange", lambda stop: calls.append(stop) or 0)
    exported(lambda x: x + vocals.model.crosstransformer._get_pos_embedding(8, 1, 32, "cpu"), torch.randn(8, 1, 32))
    assert calls == [1]  # of one number there is one choice: the shift is always 0


def test_our_positions_are_the_stock_networks_as_constants(vocals: Expert, vocals_network: Network) -> None:
    expected = vocals.model.crosstransformer._get_pos_embedding(138, 1, 32, "cpu")[:, 0].numpy()
    constants = onnx.load_from_string(hybrid_graph(vocals_network, (3,))).graph.initializer
    found = [numpy_helper.to_array(c) for c in constants if tuple(c.dims) == (138, 1, 32)]
    assert any(np.array_equal(array[:, 0], expected) for array in found)


def test_where_every_token_stands_is_the_stock_networks(vocals_network: Network) -> None:
    net = vocals_network
    plane = create_2d_sin_embedding(32, net.rows, net.steps)[0].permute(2, 1, 0).numpy()
    time, row = net.spectrogram.positions
    ours = np.concatenate(np.broadcast_arrays(time, row), axis=2)
    np.testing.assert_array_equal(ours, plane)
