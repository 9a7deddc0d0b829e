"""How late blocks were, drawn: lines of text for the screen, and SVG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

_BINS: Final = 12
_CELLS: Final = 40


def lines(late: Sequence[float]) -> list[str]:
    """One line for each bin, ms after the declared latency; the last bin holds all that is later."""
    values = np.asarray(late)
    low, high = np.floor(values.min()), max(np.ceil(np.percentile(values, 99.9)), np.floor(values.min()) + 1)
    width = max(0.25, float(np.ceil((high - low) / _BINS * 4) / 4))
    edges = low + width * np.arange(int(np.ceil((high - low) / width)) + 1)
    counts, _ = np.histogram(np.minimum(values, edges[-1]), edges)
    told = []
    for left, right, count in zip(edges, edges[1:], counts, strict=False):
        bar = "#" * round(_CELLS * float(count) / float(counts.max()))
        told.append(f"{left:8.2f} to {right:7.2f} ms {count:7d} {bar}")
    return told


def draw(late: Mapping[str, Sequence[float]], declared: Mapping[str, float], path: Path) -> None:
    """Write an SVG with one panel for each case.

    Args:
        late: ms after the declared latency, by case.
        declared: latency in ms, by case.
        path: of the picture.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - takes a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 2.2 * len(late)), layout="constrained")
    FigureCanvasSVG(figure)
    panels = figure.subplots(len(late), 1, squeeze=False)[:, 0]
    for panel, (name, values) in zip(panels, late.items(), strict=True):
        latency = np.asarray(values) + declared[name]
        panel.hist(latency, bins=100, color="#3b6ea5")
        panel.axvline(declared[name], color="#b03030", linewidth=1.2, label=f"declared, {declared[name]:.1f} ms")
        panel.axvline(np.percentile(latency, 99), color="#303030", linewidth=1.0, linestyle="--", label="p99")
        panel.set_yscale("log")
        panel.set_title(name, loc="left", fontsize=10)
        panel.set_ylabel("blocks")
        panel.legend(fontsize=8, loc="upper right")
    panels[-1].set_xlabel("latency (ms)")
    figure.savefig(path, metadata={"Date": None})
