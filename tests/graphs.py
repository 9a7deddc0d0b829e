"""Small real graphs as models: one that copies, and one that does to its worker what the first sample says."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from stemd.audio import Float32Array
from stemd.dsp.plan import Span, WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.separation import manifest as manifests
from stemd.separation.manifest_text import to_toml
from stemd.separation.store import Model, find
from tests.networks import noise

FRAMES = 512
PLAN = WindowPlan(FRAMES, FRAMES, 0, 0)
TRUSTED = slice(100, 400)

# What the first sample of a segment makes the unruly graph do; any sound up to full scale is copied.
BUSY, HANGS, DEAF, FAILS = 1.0, 1e9, 1e12, -1e9
STEPS_PER_SECOND = 1.5e6  # of the loop in it, about: a sample of BUSY + 0.1 takes a tenth of a second


def copying_model(folder: Path, *, stems: int = 1, name: str = "copy", frames: int = FRAMES) -> Model:
    """A real graph, `waveform`, that gives its input back as each stem."""
    nodes = [
        helper.make_node("Unsqueeze", ["mix", "axis"], ["one"]),
        helper.make_node("Concat", ["one"] * stems, ["stems"], axis=1),
    ]
    constants = [helper.make_tensor("axis", TensorProto.INT64, [1], [1])]
    return _model(folder, name, nodes, constants, stems, frames)


def unruly_model(folder: Path, *, name: str = "unruly", frames: int = FRAMES, calm: float = BUSY) -> Model:
    """A real graph that copies, but is busy where its input's largest sample is over `calm`, or hangs, or fails.

    It hangs in a loop of millions of millions of steps, which ends early where the engine is told to terminate. A
    sample of DEAF sends it into a single operator that takes an hour or so, and hears nothing meanwhile; one of FAILS
    asks for what is out of range.
    """
    node = helper.make_node
    body, endless, at_once = _bodies()
    nodes = [
        node("ReduceMax", ["mix"], ["peak"], keepdims=0),
        node("Greater", ["peak", "deaf"], ["is_deaf"]),
        node("If", ["is_deaf"], ["start"], then_branch=endless, else_branch=at_once),
        node("ReduceMin", ["mix"], ["trough"], keepdims=0),
        node("Sub", ["peak", "busy"], ["beyond"]),
        node("Max", ["beyond", "zero"], ["seconds"]),
        node("Mul", ["seconds", "pace"], ["wanted"]),
        node("Cast", ["wanted"], ["steps"], to=TensorProto.INT64),
        node("Loop", ["steps", "yes", "start"], ["sum"], body=body),
        node("Less", ["trough", "fails"], ["faulty"]),
        node("Cast", ["faulty"], ["index"], to=TensorProto.INT64),
        node("Gather", ["zeros", "index"], ["nothing"]),
        node("Unsqueeze", ["mix", "axis"], ["stem"]),
        node("Add", ["stem", "sum"], ["copied"]),
        node("Add", ["copied", "nothing"], ["stems"]),
    ]
    constants = [
        *(helper.make_tensor(each, TensorProto.FLOAT, [], [x]) for each, x in (("busy", calm), ("zero", 0.0))),
        helper.make_tensor("pace", TensorProto.FLOAT, [], [STEPS_PER_SECOND]),
        helper.make_tensor("deaf", TensorProto.FLOAT, [], [DEAF / 2]),
        helper.make_tensor("fails", TensorProto.FLOAT, [], [FAILS / 2]),
        helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
        helper.make_tensor("zeros", TensorProto.FLOAT, [1], [0.0]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
    ]
    return _model(folder, name, nodes, constants, 1, frames)


def _bodies() -> tuple[onnx.GraphProto, onnx.GraphProto, onnx.GraphProto]:
    """A step of the loop; an operator that takes an hour; nothing, at once."""
    value, node = helper.make_tensor_value_info, helper.make_node
    flag, number = value("go", TensorProto.BOOL, []), value("sum", TensorProto.FLOAT, [])
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Add", ["sum", "nothing"], ["more"])],
        "body",
        [value("step", TensorProto.INT64, []), flag, number],
        [value("on", TensorProto.BOOL, []), value("more", TensorProto.FLOAT, [])],
        [helper.make_tensor("nothing", TensorProto.FLOAT, [], [0.0])],
    )
    endless = helper.make_graph(
        [
            # Not of a constant, or it would be computed while it is loaded.
            node("Expand", ["peak", "many"], ["row"]),
            node("LpPool", ["row"], ["pooled"], kernel_shape=[500_000]),
            node("ReduceMax", ["pooled"], ["end"], keepdims=0),
        ],
        "endless",
        [],
        [value("end", TensorProto.FLOAT, [])],
        [helper.make_tensor("many", TensorProto.INT64, [3], [1, 1, 1_000_000])],
    )
    at_once = helper.make_graph(
        [node("Identity", ["zero"], ["none"])], "at_once", [], [value("none", TensorProto.FLOAT, [])]
    )
    return body, endless, at_once


def _model(
    folder: Path, name: str, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], stems: int, frames: int
) -> Model:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        name,
        [value("mix", TensorProto.FLOAT, [1, 2, frames])],
        [value("stems", TensorProto.FLOAT, [1, stems, 2, frames])],
        constants,
    )
    path = folder / f"{name}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    shipped = find("spleeter-vocals").manifest
    row = manifests.PlanRow(segment=frames, hop=frames, overlap=0, lookahead=0)
    entry = manifests.SpecialistEntry(
        stems=tuple(f"s{i}" for i in range(stems)),
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    manifest = manifests.Manifest(
        name=name,
        version="1",
        kind="waveform",
        sample_rate=44_100,
        specialists=(entry,),
        segments=manifests.Segments(exact=(frames,)),
        live=row,
        studio=row,
        licence=shipped.licence,
        origin=shipped.origin,
        parity=shipped.parity,
    )
    return Model(folder, manifest)


def store(model: Model) -> None:
    """Write the manifest as well, so that the model can be found by name where its folder has that name."""
    (model.folder / manifests.MANIFEST_NAME).write_text(to_toml(model.manifest), "utf-8")


def segment(seed: int = 0, frames: int = FRAMES, first: float | None = None) -> Segment:
    """Noise; its first sample may be another, for the unruly graph."""
    mixture: Float32Array = noise(frames, seed=seed)
    if first is not None:
        mixture[0, 0] = first
    return Segment(Span(0, 0, TRUSTED), mixture, None)


def busy(seconds: float, seed: int = 0) -> Segment:
    """A segment that takes the unruly graph about so long."""
    return segment(seed, first=BUSY + seconds)


def copied(given: Segment) -> Float32Array:
    """What both graphs make of a segment, (1, 2, trusted frames)."""
    return np.ascontiguousarray(given.mixture[np.newaxis, :, given.span.trusted])
