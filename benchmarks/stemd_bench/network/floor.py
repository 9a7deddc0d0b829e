"""The floor: how fast this machine multiplies large float32 matrices, in the libraries that the contenders rest on."""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper

from stemd.audio import Float32Array

Multiply = Callable[[], object]
_TURNS: Final = 4


def floors(size: int, threads: int) -> dict[str, Callable[[], float]]:
    """What measures the rate, by library."""
    found = {
        "PyTorch": in_torch(size, threads),
        "onnxruntime": in_onnxruntime(size, threads),
    }
    # There is no telling numpy how many threads to take once it is loaded.
    if threads == (os.cpu_count() or 1):
        found["numpy"] = in_numpy(size)
    return {library: partial(rate, multiply, size) for library, multiply in found.items()}


def rate(multiply: Multiply, size: int) -> float:
    """The best rate of a few products of two square matrices, in GFLOP/s."""
    times = []
    for _ in range(_TURNS):
        began = time.perf_counter()
        multiply()
        times.append(time.perf_counter() - began)
    return 2e-9 * size**3 / min(times)


def in_numpy(size: int) -> Multiply:
    """By whatever BLAS numpy has, on as many threads as that takes: all cores."""
    a, b = _operands(size)
    out = np.empty_like(a)
    return lambda: np.matmul(a, b, out=out)


def in_torch(size: int, threads: int) -> Multiply:
    """By torch.mm."""
    torch.set_num_threads(threads)
    a, b = map(torch.from_numpy, _operands(size))
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)


def in_onnxruntime(size: int, threads: int) -> Multiply:
    """By its MatMul with a constant second operand, as networks have it."""
    a, b = _operands(size)
    settings: Any = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    session = ort.InferenceSession(_graph(b), settings, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"a": a})


def _operands(size: int) -> tuple[Float32Array, Float32Array]:
    random = np.random.default_rng(0)
    return random.standard_normal((size, size), np.float32), random.standard_normal((size, size), np.float32)


def _graph(b: Float32Array) -> bytes:
    a, product = (helper.make_tensor_value_info(name, TensorProto.FLOAT, list(b.shape)) for name in ("a", "product"))
    node = helper.make_node("MatMul", ["a", "b"], ["product"])
    graph = helper.make_graph([node], "floor", [a], [product], [numpy_helper.from_array(b, "b")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())
