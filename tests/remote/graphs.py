"""Graphs from samples to samples that leave open how many segments they take, and models of several specialists."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stemd.separation.manifest import SpecialistEntry
from stemd.separation.store import Model
from tests.graphs import FRAMES, copying_model, store


def pair(folder: Path, name: str = "pair", gains: Sequence[float] = (0.5, 0.25)) -> Model:
    """A model of kind `waveform` with a specialist for each gain; each gives the mixture, times it."""
    folder.mkdir(parents=True, exist_ok=True)
    graphs = {f"s{i}": _graph(gain, "batch", [helper.make_node("Identity", ["one"], ["all"])])
              for i, gain in enumerate(gains)}  # fmt: skip
    return of_graphs(folder, name, graphs)


def mixing(folder: Path, name: str = "mixing") -> Model:
    """One whose graph says that it takes any number of segments, and gives each a part of the others."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("ReduceMean", ["one"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Add", ["one", "mean"], ["all"]),
    ]
    return of_graphs(folder, name, {"s0": _graph(0.5, "batch", nodes)})


def of_graphs(folder: Path, name: str, graphs: dict[str, bytes]) -> Model:
    """A stored model with a specialist for each stem's graph."""
    folder.mkdir(parents=True, exist_ok=True)
    template = copying_model(folder, name=name).manifest
    (folder / f"{name}.onnx").unlink()
    entries = []
    for stem, graph in graphs.items():
        (folder / f"{stem}.onnx").write_bytes(graph)
        entries.append(SpecialistEntry(stems=(stem,), file=f"{stem}.onnx", sha256=hashlib.sha256(graph).hexdigest()))
    model = Model(folder, msgspec.structs.replace(template, specialists=tuple(entries)))
    store(model)
    return model


def bare(folder: Path, name: str = "bare") -> Model:
    """One whose graph's output has no axis for segments: (rows, 2, frames)."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["mix"], ["stems"])],
        name,
        [value("mix", TensorProto.FLOAT, [1, 2, FRAMES])],
        [value("stems", TensorProto.FLOAT, [1, 2, FRAMES])],
    )
    return of_graphs(folder, name, {"s0": _bytes(graph)})


def _graph(gain: float, batch: str | int, nodes: Sequence[onnx.NodeProto]) -> bytes:
    """`sound` (batch, 2, frames) to `parts` (batch, 1, 2, frames), through `nodes`, from `one` to `all`."""
    value = helper.make_tensor_value_info
    constants = [
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
        numpy_helper.from_array(np.float32(gain), "gain"),
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Unsqueeze", ["sound", "axis"], ["one"]),
            *nodes,
            helper.make_node("Mul", ["all", "gain"], ["parts"]),
        ],
        "graph",
        [value("sound", TensorProto.FLOAT, [batch, 2, FRAMES])],
        [value("parts", TensorProto.FLOAT, [batch, 1, 2, FRAMES])],
        constants,
    )
    return _bytes(graph)


def _bytes(graph: onnx.GraphProto) -> bytes:
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
