"""The latency of streams: what was declared, what was measured, and how late each block was."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from stemd_bench.live.verdicts import LATE_AIM
from stemd_bench.plots import COLOURS, Plot, plot, sheet, styled
from stemd_bench.results import Distribution, Report, Variant

LATE: Final = "late"
_BLUE, _RED, _GREEN, *_ = COLOURS
_PANEL, _REST = 1.5, 0.7  # inches
_ROW: Final = 0.75
_ROOM: Final = 1.25  # times the latest block that is not among the latest thousandth
_LABELLED: Final[Any] = {"fontsize": 10, "va": "center", "parse_math": False}


@styled()
def plots(report: Report) -> list[Plot]:
    """Of the streams that were opened."""
    streams = [variant for variant in report.variants if LATE in variant.distributions]
    return [latencies(streams), lateness(report.suite, streams)] if streams else []


def latencies(streams: Sequence[Variant]) -> Plot:
    """Of each stream, what was declared and what came."""
    figure, axes = sheet(_REST + _ROW * len(streams))
    for row, stream in enumerate(streams):
        p50, p99, most, declared = (
            stream.measures[name].median for name in ("latency_p50", "latency_p99", "latency_max", "declared")
        )
        axes.barh(row, declared, height=0.3, color=COLOURS[5])
        axes.plot((p50, most), (row, row), color=_BLUE, linewidth=2)
        axes.plot(p50, row, "o", p99, row, "|", most, row, "x", color=_BLUE, markersize=8, markeredgewidth=2)
        told = f"{stream.name}: {declared:.0f}, p99 {p99:.0f}, max {most:.0f} ms"
        axes.text(0.0, row - 0.36, told, **_LABELLED)
    axes.set_ylim(len(streams) - 0.6, -0.65)
    axes.set_xlim(left=0)
    axes.set_yticks([])
    axes.set_xlabel("latency (ms)")
    caption = (
        "Latency of each stream from capture to the listener. Bars: what the daemon declared, and keeps to; circles: "
        "p50, strokes: p99, crosses: the latest block (max). What lies right of a bar's end came late."
    )
    return plot("live-latency", "Latency of each stream", caption, figure)


def lateness(suite: str, streams: Sequence[Variant]) -> Plot:
    """How late blocks were, each stream in a panel of its own, on one scale."""
    found = [stream.distributions[LATE] for stream in streams]
    figure, panels = sheet(_REST + _PANEL * len(streams), len(streams), sharex=True, squeeze=False)
    for axes, stream, late in zip(panels[:, 0], streams, found, strict=True):
        _histogram(axes, late)
        title = f"{stream.name}: p99 {late.p99:.1f}, max {late.high:.1f} ms"
        axes.set_title(title, fontsize=10, parse_math=False)
    farthest = _ROOM * max(LATE_AIM, *(late.edges[-2] for late in found))
    panels[-1, 0].set_xlim(min(0.0, *(late.low for late in found)) - 0.03 * farthest, farthest)
    panels[-1, 0].set_xlabel("ms after the declared latency")
    figure.supylabel("blocks per ms", fontsize=11)
    caption = (
        "How long after the declared latency (0) blocks arrived, on a logarithmic scale. Black line: p99; dashed: what "
        f"the protocol allows at p99, {LATE_AIM:g} ms. What is later than the axis goes is said above the panel."
    )
    return plot(f"{suite}-lateness", "How late blocks were", caption, figure)


def _histogram(axes: Any, late: Distribution) -> None:
    """Its bins are not all equally wide, so it is the density that is drawn."""
    counts, edges = np.asarray(late.counts), np.asarray(late.edges)
    widths = np.diff(edges)
    # The outermost may be next to nothing wide; a spike there would tell nothing.
    axes.stairs(counts / np.maximum(widths, np.median(widths) / 10), edges, fill=True, color=_BLUE)
    axes.axvline(late.p99, color="black", linewidth=1.5)
    axes.axvline(LATE_AIM, color=_RED, linewidth=1.5, linestyle="--")
    axes.set_yscale("log")
