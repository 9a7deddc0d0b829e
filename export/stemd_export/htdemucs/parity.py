"""How far a graph is from the stock network in PyTorch, stem by stem, on music-like signals."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch

from stemd.audio import Float32Array
from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.separation.specialist import Specialist
from stemd.store.song import bars
from stemd_export.htdemucs.bag import Expert

# Nearly full scale, and 60 dB below it with an offset: normalisation must hold for both.
LEVELS: Final = ((1.0, 0.0), (0.001, 0.0002))


@dataclass(frozen=True, slots=True)
class Bound:
    """What parity demands: an SNR in dB at least, and a largest difference over the peak at most; see `difference`."""

    snr_db: float
    of_peak: float

    def holds(self, row: "Row") -> bool:
        """Whether a stem is within it; what is not a number is not."""
        return row.snr_db >= self.snr_db and row.max_abs_diff <= self.of_peak


@dataclass(frozen=True, slots=True)
class Row:
    """Parity of one stem, and what its graph weighs. The worst of all signals counts.

    Attributes:
        stem: its name.
        file: of the graph that gives it.
        max_abs_diff: largest difference over the peak, see `difference`.
        snr_db: power over the difference's, dB.
        nodes: operators in the graph.
        megabytes: of the file, 10^6 bytes.
        load_seconds: until the engine was ready.
        run_seconds: one segment in the engine, transforms included; the median.
        pytorch_seconds: the same segment in PyTorch, all its stems; the median.
    """

    stem: str
    file: str
    max_abs_diff: float
    snr_db: float
    nodes: int
    megabytes: float
    load_seconds: float
    run_seconds: float
    pytorch_seconds: float


def compare(expert: Expert, file: Path, specialist: Specialist, load_seconds: float) -> list[Row]:
    """Run the stock network and the exported one on the same signals.

    Args:
        expert: the stock network, and the sources that the graph gives.
        file: the graph.
        specialist: the graph, loaded as the daemon loads it.
        load_seconds: how long that took.
    """
    found, references, mixtures, seconds, stock = [], [], [], [], []
    for level, offset in LEVELS:
        mixture = bars(expert.frames, expert.model.samplerate) * np.float32(level) + np.float32(offset)
        mixtures.append(mixture)
        span = Span(0, 0, slice(0, expert.frames))
        started = time.perf_counter()
        references.append(_reference(expert, mixture))
        between = time.perf_counter()
        found.append(specialist.run(Segment(span, mixture, None)))
        stock.append(between - started)
        seconds.append(time.perf_counter() - between)
    nodes = len(onnx.load(file).graph.node)
    rows = []
    for i, stem in enumerate(expert.stems):
        signals = zip(references, found, mixtures, strict=True)
        apart = [difference(reference[i], estimate[i], mixture) for reference, estimate, mixture in signals]
        worst = max(of_peak for of_peak, _ in apart), min(snr for _, snr in apart)
        costs = load_seconds, statistics.median(seconds), statistics.median(stock)
        rows.append(Row(stem, file.name, *worst, nodes, file.stat().st_size / 1e6, *costs))
    return rows


def _reference(expert: Expert, mixture: Float32Array) -> Float32Array:
    """What the stock network gives, (sources wanted, 2, frames)."""
    with torch.inference_mode():
        out: Float32Array = expert.model(torch.from_numpy(mixture)[None]).numpy()[0]
    return out[list(expert.wanted)]


def difference(reference: Float32Array, found: Float32Array, mixture: Float32Array) -> tuple[float, float]:
    """Largest difference over the peak, and power over that of the difference in dB.

    Peak and power are the reference's or the mixture's, whichever is larger: what a network rounds is as large as what
    it sees, and a specialist may find next to nothing of its stem in a signal.
    """
    error = found.astype(np.float64) - reference
    peak = max(np.abs(reference).max(), np.abs(mixture).max())
    power = max(np.square(array.astype(np.float64)).sum() for array in (reference, mixture))
    # 200 dB is more than float32 can tell.
    snr = 10 * np.log10(power / np.maximum(np.square(error).sum(), power * 1e-20))
    return float(np.abs(error).max() / peak), float(snr)
