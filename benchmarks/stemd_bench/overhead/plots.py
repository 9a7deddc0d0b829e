"""What the daemon adds to latency, and what a stream costs it, against the number of streams."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stemd_bench.overhead.task import ON_TIME
from stemd_bench.overhead.verdicts import holds
from stemd_bench.plots import COLOURS, Plot, plot, sheet, styled
from stemd_bench.results import Report, Variant

_BLUE, _RED, *_ = COLOURS
_HEIGHT: Final = 3.2  # inches, of a panel
_LINES: Final = {"added_p50": ("p50", "o"), "added_p99": ("p99", "s"), "added_max": ("worst", "^")}
_PALE: Final = COLOURS[5]


@styled()
def plots(report: Report) -> list[Plot]:
    """Of the paced streams."""
    by_rate: dict[int, list[Variant]] = {}
    for variant in report.variants:
        if variant.parameters["timing"] == "realtime" and "added_p99" in variant.measures:
            by_rate.setdefault(int(variant.parameters["rate"]), []).append(variant)
    return [_added(by_rate), _processor(by_rate)] if by_rate else []


def _added(by_rate: Mapping[int, Sequence[Variant]]) -> Plot:
    figure, panels = sheet(_HEIGHT * len(by_rate), len(by_rate), sharex=True, sharey=True, squeeze=False)
    for axes, (rate, variants) in zip(panels[:, 0], by_rate.items(), strict=True):
        counts = [_count(variant) for variant in variants]
        for colour, (quantity, (name, marker)) in zip(COLOURS, _LINES.items(), strict=False):
            found = [variant.measures[quantity] for variant in variants]
            values = [m.high if name == "worst" else m.median for m in found]
            axes.plot(counts, values, marker=marker, color=colour, label=name)
        axes.axhline(ON_TIME, color="black", linewidth=1, linestyle="--", label=f"{ON_TIME:g} ms")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_title(f"{rate / 1000:g} kHz")
        axes.set_ylabel("ms")
        _mark(axes, variants)
    # Above, where no line can run into it.
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    panels[-1, 0].set_xlabel("streams, each with a block of 20 ms and a segment for it")
    caption = (
        "What the daemon adds to the declared latency, with a network that copies: p50 and p99, medians over the "
        f"repeats, and the worst block. Dashed: the {ON_TIME:g} ms that the protocol allows at p99. Grey: where not "
        "every stream ran in real time, every time."
    )
    return plot("overhead-latency", "Latency added by the daemon", caption, figure)


def _processor(by_rate: Mapping[int, Sequence[Variant]]) -> Plot:
    figure, axes = sheet(_HEIGHT)
    for colour, marker, (rate, variants) in zip(COLOURS, "os^", by_rate.items(), strict=False):
        found = [variant.measures["cpu_per_stream"] for variant in variants]
        counts, medians = [_count(variant) for variant in variants], [m.median for m in found]
        spread = [[m.median - m.low for m in found], [m.high - m.median for m in found]]
        axes.errorbar(counts, medians, spread, marker=marker, color=colour, capsize=3, label=f"{rate / 1000:g} kHz")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("streams")
    axes.set_ylabel("% of a core, for each stream")
    axes.legend()
    caption = (
        "Processor time of the daemon for each stream, with a network that copies: medians over the repeats, and their "
        "range. It falls as streams share what the event loop does once; at 48 kHz both resamplers come on top."
    )
    return plot("overhead-processor", "Processor time for each stream", caption, figure)


def _mark(axes: Any, variants: Sequence[Variant]) -> None:
    """Shade where not all streams hold: from half way to the last count that does."""
    counts = [_count(variant) for variant in variants]
    held = [holds(variant) for variant in variants]
    for place, (count, good) in enumerate(zip(counts, held, strict=True)):
        if not good:
            began = (counts[place - 1] + count) / 2 if place else 0
            ended = (counts[place + 1] + count) / 2 if place + 1 < len(counts) else count * 1.04
            axes.axvspan(began, ended, color="#E8E8E8", linewidth=0)


def _count(variant: Variant) -> int:
    return int(variant.parameters["streams"])
