"""The peer: PyPI's `demucs-onnx` makes its own graph of our network, by its own code, in a process of its own."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Final

from stemd.errors import StemdError

NAME: Final = "demucs-onnx"
VERSION: Final = "0.3.4"
_WITHIN: Final = 1_800.0  # seconds
_EXPORT: Final = """\
import pathlib, sys, warnings
warnings.simplefilter("ignore")
from demucs_onnx.export import export_to_onnx
module, graph, seconds = sys.argv[1:]
export_to_onnx(
    pathlib.Path(module), pathlib.Path(graph), segment_seconds=float(seconds), parity_check=False, verbose=False
)
"""


def make(module: Path, graph: Path, seconds: float) -> Path:
    """Let demucs-onnx export a module.

    Args:
        module: as PyTorch saved it.
        graph: the file to write, `mix (1, 2, frames) -> stems (1, 4, 2, frames)`.
        seconds: length of a segment.

    Raises:
        StemdError: it is not installed, or could not.
    """
    if importlib.util.find_spec("demucs_onnx") is None:
        # With its dependencies it would bring an older PyTorch, though it works with ours.
        raise StemdError(f"not installed: pip install --no-deps {NAME}=={VERSION}, or name its graph with --peer")
    command = [sys.executable, "-c", _EXPORT, str(module), str(graph), repr(seconds)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_WITHIN)  # noqa: S603 - our own
    except subprocess.TimeoutExpired as exc:
        raise StemdError(f"its export took more than {_WITHIN:g} s") from exc
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise StemdError(f"its export failed: {''.join(last)}")
    return graph
