"""Threads against processes: time, processor time and memory for each plan."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stemd_bench.plots import COLOURS, Plot, plot, sheet, styled
from stemd_bench.results import Measure, Report

KINDS: Final = ("threads", "processes")
_HEIGHT: Final = 7.0  # inches
_PANELS: Final = (
    ("trip (ms)", ("trip_p50",), "trip_p99"),
    ("CPU a segment (ms)", ("cpu",), ""),
    ("memory, PSS (MiB)", ("pss", "pss_workers"), ""),
)
"""What is shown: its title, the quantities that add up to a bar, and one that is marked beyond it."""
_COLOURS: Final = dict(zip(KINDS, COLOURS, strict=False))


@styled()
def plots(report: Report) -> list[Plot]:
    """Of the plans for which both kinds were measured."""
    found = {
        (str(variant.parameters["plan"]), str(variant.parameters["workers"])): variant.measures
        for variant in report.variants
        if variant.parameters["workers"] in KINDS and variant.measures
    }
    plans = [plan for plan in dict.fromkeys(plan for plan, _ in found) if all((plan, kind) in found for kind in KINDS)]
    if not plans:
        return []
    figure, panels = sheet(_HEIGHT, len(_PANELS), len(plans), squeeze=False)
    for row, (title, parts, mark) in zip(panels, _PANELS, strict=True):
        for axes, plan in zip(row, plans, strict=True):
            _bars(axes, [found[plan, kind] for kind in KINDS], parts, mark)
            axes.set_title(f"{plan}: {title}", fontsize=10)
    caption = (
        "Workers as threads of the daemon, and as processes of their own, for segments of each plan: medians over the "
        "repeats, and their numbers below. Dots: p99. Pale: what the workers hold beside the daemon; what processes "
        "share is counted once."
    )
    return [plot("workers", "Threads against processes", caption, figure)]


def _bars(axes: Any, found: Sequence[Mapping[str, Measure]], parts: Sequence[str], mark: str) -> None:
    labels = []
    for place, (kind, measures) in enumerate(zip(KINDS, found, strict=True)):
        own, *beside = (measures[part].median for part in parts)
        axes.bar(place, own, color=_COLOURS[kind], width=0.6)
        axes.bar(place, sum(beside), bottom=own, color=_COLOURS[kind], alpha=0.5, width=0.6)
        if mark:
            axes.plot(place, measures[mark].median, "o", color="black")
        # Below the bars, where nothing can be in its way.
        labels.append(f"{kind}\n{_number(own + sum(beside))}")
    axes.set_xticks(range(len(KINDS)), labels)
    axes.set_xlim(-0.6, len(KINDS) - 0.4)
    axes.set_ylim(0, 1.1 * axes.dataLim.y1)


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
