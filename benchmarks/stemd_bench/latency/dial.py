"""A network whose cost is set by how loud its input is: multiplied matrices, as many as the loudest sample asks for.

So a running stream's load can be raised by playing louder, after its latency was promised: the trial segment that the
daemon times networks with is quiet.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stemd.audio import Float32Array
from stemd.config import Engine
from stemd.dsp.plan import WindowPlan
from stemd.protocol import Plan
from stemd.separation.engines.engine import EngineOptions, Network
from stemd.separation.engines.onnxruntime import OnnxRuntime
from stemd.separation.trial import trial
from stemd_bench.overhead.copying import write_folder
from stemd_bench.overhead.plan import MODEL_RATE

HOP: Final = MODEL_RATE // 10
PLAN: Final = Plan(segment=2 * HOP, hop=HOP, overlap=0, lookahead=0)
_SIZE: Final = 192  # of the matrices: one product takes about as long as a small operator of a real network
_RUNS: Final = 7


def write(folder: Path, name: str, load: float, loudness: float) -> None:
    """Write the model into `folder/name`, which must not exist.

    Args:
        folder: of models.
        name: of this one.
        load: compute time of a hop over its duration, on this machine as it is now.
        loudness: the input's largest sample at which it is that much; it rises in proportion.
    """
    per_second = _pace(folder / f"{name}-timed")
    write_folder(folder / name, _graph(per_second * load * HOP / MODEL_RATE / loudness), PLAN)


def quiet() -> float:
    """The largest sample of the segment with which the daemon times this network."""
    return float(_trial().max())


def _pace(folder: Path) -> float:
    """How many products this machine makes in a second, with the daemon's threads."""
    file = write_folder(folder, _graph(1.0), PLAN)
    threads = Engine().thread_count()
    network = OnnxRuntime().load(file, EngineOptions(threads=threads, share=False))
    few, many = (statistics.median(_seconds(network, steps) for _ in range(_RUNS)) for steps in (10, 210))
    return 200 / (many - few)


def _seconds(network: Network, steps: int) -> float:
    segment: Float32Array = np.full((1, 2, PLAN.segment), steps, np.float32)
    began = time.perf_counter()
    network.run(segment)
    return time.perf_counter() - began


def _trial() -> Float32Array:
    return trial(WindowPlan(PLAN.segment, PLAN.hop, PLAN.overlap, PLAN.lookahead), spectral=False).mixture


def _graph(per_loudness: float) -> onnx.ModelProto:
    """`mix (1,2,n) -> stem (1,1,2,n)`, the input as it was, after `per_loudness` products for each unit of its peak."""
    node: Callable[..., onnx.NodeProto] = helper.make_node
    tensor = helper.make_tensor
    nodes = [
        node("ReduceMax", ["mix"], ["peak"], keepdims=0),
        node("Mul", ["peak", "pace"], ["wanted"]),
        node("Cast", ["wanted"], ["steps"], to=TensorProto.INT64),
        node("Loop", ["steps", "yes", "turn"], ["turned"], body=_body()),
        # Of use to nobody, but no engine may leave it out.
        node("ReduceMean", ["turned"], ["mean"], keepdims=0),
        node("Mul", ["mean", "nothing"], ["zero"]),
        node("Unsqueeze", ["mix", "axes"], ["row"]),
        node("Add", ["row", "zero"], ["stem"]),
    ]
    # Orthogonal, so that no product ever grows or vanishes.
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(_SIZE, _SIZE)))
    constants = [
        tensor("pace", TensorProto.FLOAT, [], [per_loudness]),
        tensor("yes", TensorProto.BOOL, [], [True]),
        tensor("nothing", TensorProto.FLOAT, [], [0.0]),
        tensor("axes", TensorProto.INT64, [1], [1]),
        numpy_helper.from_array(turn.astype(np.float32), "turn"),
    ]
    value = helper.make_tensor_value_info
    mix, stem = (
        value("mix", TensorProto.FLOAT, [1, 2, "n"]),
        value("stem", TensorProto.FLOAT, [1, 1, 2, "n"]),
    )
    graph = helper.make_graph(nodes, "dial", [mix], [stem], constants)
    # Versions that every onnxruntime in the supported range reads.
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _body() -> onnx.GraphProto:
    value = helper.make_tensor_value_info
    flag, square = value("go", TensorProto.BOOL, []), value("before", TensorProto.FLOAT, [_SIZE, _SIZE])
    return helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("MatMul", ["before", "turn"], ["after"])],
        "body",
        [value("step", TensorProto.INT64, []), flag, square],
        [value("on", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, [_SIZE, _SIZE])],
    )
