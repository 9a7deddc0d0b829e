"""Editions of a model on disk: real graphs that give the mixture back, times a gain that tells them apart."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stemd.separation.manifest import MANIFEST_NAME, Manifest, PlanRow, Segments, SpecialistEntry
from stemd.separation.manifest_text import to_toml
from stemd.separation.store import find

SEGMENT, HOP, OVERLAP = 4_096, 1_024, 256
PLAN = PlanRow(segment=SEGMENT, hop=HOP, overlap=OVERLAP, lookahead=0)


def put(
    folder: Path, gain: float, name: str = "tone", stems: tuple[str, ...] = ("vocals",), segment: int = SEGMENT
) -> str:
    """Write an edition of the model `name` into `folder / name`, in place of the one before; its key.

    Each stem is the mixture times `gain`. `segment` is the only length that it takes.
    """
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    file = f"gain-{gain}.onnx"
    data = _graph(gain, len(stems), segment)
    row = PLAN if segment == SEGMENT else PlanRow(segment=segment, hop=HOP, overlap=OVERLAP, lookahead=0)
    shipped = find("spleeter-vocals").manifest
    manifest = Manifest(
        name=name,
        version=f"gain {gain}",
        kind="waveform",
        sample_rate=44_100,
        specialists=(SpecialistEntry(stems=stems, file=file, sha256=hashlib.sha256(data).hexdigest()),),
        segments=Segments(exact=(segment,)),
        live=row,
        studio=row,
        licence=shipped.licence,
        origin=shipped.origin,
        parity=shipped.parity,
    )
    _replace(place / file, data)
    _replace(place / MANIFEST_NAME, to_toml(manifest).encode())
    return manifest.key


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(data)
    beside.replace(path)


def _graph(gain: float, stems: int, segment: int) -> bytes:
    value, array = helper.make_tensor_value_info, numpy_helper.from_array
    graph = helper.make_graph(
        [helper.make_node("Unsqueeze", ["mix", "axis"], ["one"]), helper.make_node("Mul", ["one", "gains"], ["stems"])],
        "gain",
        [value("mix", TensorProto.FLOAT, [1, 2, segment])],
        [value("stems", TensorProto.FLOAT, [1, stems, 2, segment])],
        [array(np.array([1]), "axis"), array(np.full((1, stems, 1, 1), gain, np.float32), "gains")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data
