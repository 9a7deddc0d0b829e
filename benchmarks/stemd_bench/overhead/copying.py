"""A model whose network copies, so that what is measured is the daemon."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import onnx
from onnx import TensorProto, helper

from stemd.protocol import Plan
from stemd_bench.overhead.plan import MODEL_RATE, NAME, PLAN, STEM

_FILE: Final = "network.onnx"
_SPECIALIST: Final = """
[[specialists]]
stems = ["{stem}"]
file = "{file}"
sha256 = "{sha256}"
"""
_MANIFEST: Final = """\
name = "{name}"
version = "1"
kind = "waveform"
sample_rate = {rate}
{specialists}
[segments]
multiple = {hop}
minimum = {hop}
maximum = {segment}

[live]
segment = {segment}
hop = {hop}
overlap = {overlap}
lookahead = {lookahead}

[studio]
segment = {segment}
hop = {segment}
overlap = 0
lookahead = 0

[licence]
code = "MIT"
weights = "none"
evidence = "it has no weights"
commercial = "yes"

[origin]
weights = "none"
project = "stemd bench"
paper = "none"

[parity]
reference = "the input"
max_abs_diff = 0.0
method = "a copy"
"""


def write_model(folder: Path, stems: Sequence[str] = (STEM,)) -> None:
    """Write the model into `folder/copy`, which must not exist; each stem has a network of its own."""
    write_folder(folder / NAME, _graph(), PLAN, stems)


def write_folder(home: Path, graph: onnx.ModelProto, plan: Plan, stems: Sequence[str] = (STEM,)) -> Path:
    """A model of any graph `mix (1,2,n) -> stem (1,1,2,n)` that gives its input back as each of its stems.

    Args:
        home: its folder, named as it; it must not exist.
        graph: what is run.
        plan: its plan `live`, in frames of 44.1 kHz.
        stems: each is run by itself.

    Returns:
        The graph's file.
    """
    home.mkdir(parents=True)
    file, content = home / _FILE, graph.SerializeToString()
    file.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    manifest = _MANIFEST.format(
        name=home.name,
        rate=MODEL_RATE,
        specialists="".join(_SPECIALIST.format(stem=stem, file=_FILE, sha256=digest) for stem in stems),
        segment=plan.segment,
        hop=plan.hop,
        overlap=plan.overlap,
        lookahead=plan.lookahead,
    )
    (home / "manifest.toml").write_text(manifest, "utf-8")
    return file


def config(folder: Path, streams: int) -> str:
    """A daemon's configuration with this model as the default, and room for so many streams."""
    # One thread: nothing in a copy can be shared out, and a pool of threads would wait actively on the other cores.
    return f"""\
[server]
max_streams = {streams}

[models]
default = "{NAME}"
folders = ['{folder}']

[engine]
threads = 1
"""


def _graph() -> onnx.ModelProto:
    mix = helper.make_tensor_value_info("mix", TensorProto.FLOAT, [1, 2, "n"])
    stem = helper.make_tensor_value_info("stem", TensorProto.FLOAT, [1, 1, 2, "n"])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    node = helper.make_node("Unsqueeze", ["mix", "axes"], ["stem"])
    graph = helper.make_graph([node], "copy", [mix], [stem], [axes])
    # Versions that every onnxruntime in the supported range reads.
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
