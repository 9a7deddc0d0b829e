"""A real network of which a test decides, by how loud the mixture is, whether it works, fails or hangs."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stemd.separation.manifest import MANIFEST_NAME, load_manifest
from stemd.separation.manifest_text import to_toml
from tests.editions import SEGMENT, put

FAILS, HANGS = 1.5, 2.5  # peaks of the mixture
GAIN = -1.0  # so that the mixture less the stem is twice the mixture


def put_touchy(folder: Path, name: str = "touchy") -> None:
    """Write the model `name`, whose vocals are the mixture times GAIN, into `folder / name`."""
    put(folder, GAIN, name)
    place = folder / name
    manifest = load_manifest(place)
    [entry] = manifest.specialists
    data = _graph()
    (place / entry.file).write_bytes(data)
    entry = msgspec.structs.replace(entry, sha256=hashlib.sha256(data).hexdigest())
    (place / MANIFEST_NAME).write_text(to_toml(msgspec.structs.replace(manifest, specialists=(entry,))))


def _graph() -> bytes:
    """A peak of 1 and more, below 2: an index that is out of range. From 2 on: a loop of 2**40 rounds."""
    node, array, value = helper.make_node, numpy_helper.from_array, helper.make_tensor_value_info
    again = helper.make_graph(
        [node("Identity", ["go"], ["go_on"]), node("Identity", ["carried"], ["carried_on"])],
        "again",
        [
            value("round", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("carried", TensorProto.INT64, []),
        ],
        [value("go_on", TensorProto.BOOL, []), value("carried_on", TensorProto.INT64, [])],
    )
    nodes = [
        node("ReduceMax", ["mix"], ["peak"], keepdims=0),
        node("Cast", ["peak"], ["level"], to=TensorProto.INT64),
        node("Div", ["level", "two"], ["pairs"]),
        node("Mul", ["pairs", "many"], ["rounds"]),
        node("Mod", ["level", "two"], ["odd"]),
        node("Loop", ["rounds", "yes", "odd"], ["index"], body=again),
        node("Gather", ["gains", "index"], ["gain"]),
        node("Mul", ["mix", "gain"], ["scaled"]),
        node("Unsqueeze", ["scaled", "axis"], ["stems"]),
    ]
    constants = [
        array(np.array(2, np.int64), "two"),
        array(np.array(2**40, np.int64), "many"),
        array(np.array(True), "yes"),
        array(np.array([GAIN], np.float32), "gains"),
        array(np.array([1], np.int64), "axis"),
    ]
    graph = helper.make_graph(
        nodes,
        "touchy",
        [value("mix", TensorProto.FLOAT, [1, 2, SEGMENT])],
        [value("stems", TensorProto.FLOAT, [1, 1, 2, SEGMENT])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data
