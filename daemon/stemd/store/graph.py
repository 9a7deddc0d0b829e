"""What a graph says of itself: how long a segment it takes, and how many stems it gives."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stemd.errors import ModelLoadError
from stemd.separation.manifest import CHANNELS
from stemd.separation.outside import check_inside
from stemd.store.errors import StoreError

# Must stand in the environment before the first import; onnxruntime writes telemetry files otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_FLOAT: Final = "tensor(float)"


@dataclass(frozen=True, slots=True)
class Signature:
    """A graph from samples (1, 2, `frames`) to samples (1, `rows`, 2, `frames`); None where it leaves that open.

    Attributes:
        mixture: the name of its input; `stems`: of its output.
        batch: how many segments it takes at once.
        has_batch_out: whether its output has an axis for them; some give (rows, 2, frames).
    """

    frames: int | None
    rows: int | None
    mixture: str = "mix"
    stems: str = "stems"
    batch: int | None = 1
    has_batch_out: bool = True


def signature(path: Path) -> Signature:
    """Read a graph's signature.

    Raises:
        ModelLoadError: it is no graph, or keeps weights elsewhere.
        StoreError: it is not of this form.
    """
    session = _opened(path)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        names = f"takes {', '.join(i.name for i in inputs)} and gives {', '.join(o.name for o in outputs)}"
        raise StoreError(f"{path.name}: {names}; stemd imports graphs with one input and one output, both samples")
    taken, given = inputs[0].shape, outputs[0].shape
    if inputs[0].type != _FLOAT or outputs[0].type != _FLOAT:
        raise StoreError(f"{path.name}: {inputs[0].type} in, {outputs[0].type} out; float32 is wanted at both ends")
    if len(taken) != 3 or not _may_be(taken[0], 1) or not _may_be(taken[1], CHANNELS):
        raise StoreError(f"{path.name}: takes {_shape(taken)}; samples in stereo (1, 2, frames) are wanted")
    bare = len(given) == 3
    if bare:
        given = [1, *given]
    if len(given) != 4 or not _may_be(given[2], CHANNELS) or not _may_be(given[3], taken[2]):
        raise StoreError(f"{path.name}: gives {_shape(given)}; (1, stems, 2, {taken[2]}) is wanted")
    frames, rows, batch = (size if isinstance(size, int) else None for size in (taken[2], given[1], taken[0]))
    return Signature(frames, rows, inputs[0].name, outputs[0].name, batch, not bare)


def _opened(path: Path) -> Any:
    import onnxruntime as ort  # noqa: PLC0415 - takes 0.2 s

    check_inside(path)  # before anything is read that lies elsewhere
    options = ort.SessionOptions()
    options.log_severity_level = 4
    # Only the shapes are asked for, so the graph need not be made fast.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime raises its own classes straight from Exception
        raise ModelLoadError(
            f"{path.name}: is no graph that onnxruntime can load ({str(exc).splitlines()[0]})"
        ) from exc


def _may_be(size: object, wanted: object) -> bool:
    return not isinstance(size, int) or not isinstance(wanted, int) or size == wanted


def _shape(sizes: list[object]) -> str:
    return f"({', '.join(map(str, sizes))})"
