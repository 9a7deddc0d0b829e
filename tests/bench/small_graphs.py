"""Graphs of a few nodes, and sounds to put through them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stemd.audio import Float32Array
from stemd_bench.network.recipe import Recipe

SEGMENT = 64


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, tuple[int, ...]],
    outputs: Sequence[str],
    constants: dict[str, np.ndarray] | None = None,
    opset: int = 23,
) -> onnx.ModelProto:
    made = helper.make_graph(
        list(nodes),
        "made",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def copying(path: Path, rows: int = 1) -> str:
    """A graph whose stem number n is the mixture n + 1 times as loud."""
    nodes = [
        helper.make_node("Unsqueeze", ["mix", "axis"], ["apart"]),
        helper.make_node("Mul", ["apart", "g"], ["stems"]),
    ]
    gains = np.arange(1, rows + 1, dtype=np.float32).reshape(1, rows, 1, 1)
    model = graph(nodes, {"mix": (1, 2, SEGMENT)}, ["stems"], {"axis": np.array([1]), "g": gains}, opset=17)
    onnx.save(model, path)
    return str(path)


def recipe(*files: str, rows: Sequence[int] = (0,), outputs: int = 1) -> Recipe:
    return Recipe(
        kind="waveform", files=files, rows=tuple(rows), outputs=outputs, frames=SEGMENT, threads=1, engine="onnxruntime"
    )


def noise(frames: int, seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).standard_normal((2, frames), np.float32)
