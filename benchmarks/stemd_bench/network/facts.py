"""What is known of a contender beside its speed: size, work, and how true it is to the stock network."""

from pathlib import Path
from typing import Final

import numpy as np
import onnx

from stemd.audio import Float32Array
from stemd.errors import StemdError
from stemd.separation.scoring import sdr
from stemd_bench.network.flop import flop
from stemd_bench.network.recipe import Recipe

EXACT: Final = 300.0  # dB; JSON knows no infinity


def of_files(recipe: Recipe) -> dict[str, float]:
    """What the files tell: `megabytes` on disk; of graphs `nodes` and `gflop` of a segment; sums over specialists.

    Raises:
        StemdError: a file is no graph.
    """
    facts = {"megabytes": sum(Path(file).stat().st_size for file in recipe.files) / 1e6}
    if recipe.kind in ("eager", "compiled"):
        return facts
    try:
        graphs = [onnx.load(file) for file in recipe.files]
    except Exception as exc:  # the parser's own classes
        raise StemdError(f"{recipe.files[0]} is no ONNX graph ({exc})") from exc
    facts["nodes"] = sum(len(graph.graph.node) for graph in graphs)
    try:
        facts["gflop"] = sum(map(flop, graphs)) / 1e9
    except ValueError:
        return facts  # by others, with shapes that nobody wrote down
    return facts


def parity(reference: Float32Array, found: Float32Array) -> dict[str, float]:
    """The `largest` difference over the reference's peak; `snr`: how far below it the difference lies, in dB."""
    apart = float(np.abs(found.astype(np.float64) - reference).max())
    peak = float(np.abs(reference).max())
    snr = max(-EXACT, min(sdr(reference, found), EXACT))
    return {"largest": apart / peak if peak else apart, "snr": snr}
