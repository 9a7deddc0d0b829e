"""Tiny graphs of the form that others publish, and models made of them."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stemd.separation.manifest import Manifest
from stemd.store.by_hand import Hints, manifest_by_hand
from stemd.store.published import write_manifest

FRAMES = 44_100


def graph(
    gains: list[float],
    frames: int | str = FRAMES,
    *,
    second_input: bool = False,
    weight: int = 0,
) -> bytes:
    """`mix (1, 2, frames) -> stems (1, rows, 2, frames)`, row i being the mixture times gains[i].

    `weight` bytes of noise lie in it unused, so that it is as large as wanted.
    """
    scale = np.array(gains, np.float32).reshape(1, -1, 1, 1)
    constants = [
        numpy_helper.from_array(scale, "scale"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    if weight:
        noise = np.random.default_rng(weight).integers(0, 256, weight, np.uint8)
        constants.append(numpy_helper.from_array(noise, "noise"))
    nodes = [
        helper.make_node("Unsqueeze", ["mix", "axis"], ["one"]),
        helper.make_node("Mul", ["one", "scale"], ["stems"]),
    ]
    inputs = [helper.make_tensor_value_info("mix", TensorProto.FLOAT, [1, 2, frames])]
    if second_input:
        inputs.append(helper.make_tensor_value_info("spec", TensorProto.FLOAT, [1]))
    outputs = [helper.make_tensor_value_info("stems", TensorProto.FLOAT, [1, len(gains), 2, frames])]
    body = helper.make_graph(nodes, "test", inputs, outputs, constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return bytes(model.SerializeToString())


def split_graph(path: Path) -> None:
    """A graph at `path` whose weights lie in a second file."""
    model = onnx.load_from_string(graph([0.5]))
    onnx.save(model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=0)


def model_folder(folder: Path, name: str = "tiny", gains: tuple[float, ...] = (0.5,), **options: int) -> Manifest:
    """A model in stemd's own layout: vocals alone."""
    folder.mkdir(parents=True)
    (folder / "x_vocals.onnx").write_bytes(graph(list(gains), **options))
    manifest = manifest_by_hand(name, [folder / "x_vocals.onnx"], Hints())
    write_manifest(folder, manifest)
    return manifest
