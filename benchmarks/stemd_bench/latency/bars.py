"""Pictures with a row for each stage, or for each case."""

from collections.abc import Sequence
from typing import Any, Final

from stemd_bench.latency.blocks import STAGES
from stemd_bench.latency.texts import TITLES
from stemd_bench.latency.verdicts import LATE_AIM
from stemd_bench.plots import COLOURS, Plot, plot, sheet
from stemd_bench.results import Report, Variant

PAINT: Final = dict(
    zip(
        STAGES,
        (COLOURS[5], COLOURS[4], "#F0E442", COLOURS[0], COLOURS[3], COLOURS[2], "#C8C8C8", COLOURS[1]),
        strict=True,
    )
)
"""Each stage's colour; what waits for nothing but its time is grey, and the yellow is Okabe and Ito's, too."""
_SLOW: Final = 1_000.0  # ms, beyond which a case would dwarf the others
_ROW: Final = 0.33  # inches


def waterfall(report: Report) -> Plot:
    """The base's way, a row for each stage."""
    base = next(v for v in report.variants if v.parameters["group"] == "base")
    declared = base.measures["declared"].median
    figure, axes = sheet(3.6)
    begin = 0.0
    for row, name in enumerate(STAGES):
        taken = base.measures[f"{name}_mean"].mean()
        axes.barh(row, taken, left=begin, color=PAINT[name], height=0.7)
        _label(axes, row, begin, taken, declared)
        begin += taken
    axes.axvline(declared, color="black", linestyle="--", linewidth=1)
    axes.annotate("declared", (declared, -0.55), (-4, 0), textcoords="offset points", ha="right", va="bottom")
    axes.set_yticks(range(len(STAGES)), list(TITLES.values()))
    axes.set_ylim(len(STAGES) - 0.5, -1.2)
    axes.set_xlim(0, 1.02 * max(declared, begin))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("ms since capture, mean over the blocks")
    caption = (
        f"Where a block's time goes ({base.name}): {begin:.0f} ms on average, {declared:.0f} ms declared. Buffering is "
        "what the network has to hear, pacing what was left when it was done; what the daemon itself adds is the rest, "
        f"{_own(base):.1f} ms."
    )
    return plot("latency-waterfall", "Where a block's time goes", caption, figure)


def stages(report: Report) -> Plot:
    """A bar for each case, and what other software would declare."""
    quick = [v for v in report.variants if "latency_mean" in v.measures and v.measures["declared"].median < _SLOW]
    slow = [
        v
        for v in report.variants
        if v.parameters["group"] == "rule" or ("latency_mean" in v.measures and v not in quick)
    ]
    rows = [group for group in (quick, slow) if group]
    heights = [len(group) + 1.2 for group in rows]
    figure, axes = sheet(_ROW * (sum(heights) + 4), len(rows), squeeze=False, gridspec_kw={"height_ratios": heights})
    for panel, group in zip(axes[:, 0], rows, strict=True):
        _stack(panel, group, 1.0 if group is quick else 1e-3)
        panel.set_xlabel("ms" if group is quick else "s")
    handles = [axes[0, 0].barh([0], [0], color=PAINT[name], label=title) for name, title in TITLES.items()]
    figure.legend(handles=handles, loc="outside lower left", ncols=4, handlelength=1, columnspacing=1)
    caption = (
        "Mean latency of each case by stage; the black tick is what was declared. Hatched: what GStreamer's element "
        "`demucs` declares, computed by its rule and not run."
    )
    return plot("latency-stages", "Latency by stage, case by case", caption, figure)


def late(report: Report) -> Plot:
    """How far from the declared latency the blocks of each case came."""
    cases = [v for v in report.variants if "late" in v.distributions]
    figure, axes = sheet(_ROW * (len(cases) + 4))
    for row, case in enumerate(cases):
        ms = case.distributions["late"]
        axes.plot([ms.p50, ms.p99], [row, row], color=COLOURS[0], linewidth=2)
        axes.plot([ms.p50, ms.p95], [row, row], color=COLOURS[0], linewidth=7, solid_capstyle="butt")
        axes.plot(ms.high, row, "o", color=COLOURS[1], markersize=5)
    axes.axvline(LATE_AIM, color="black", linestyle="--", linewidth=1)
    axes.annotate("allowed at p99", (LATE_AIM, -0.6), (-4, 0), textcoords="offset points", ha="right", va="bottom")
    axes.set_yticks(range(len(cases)), [case.name for case in cases])
    axes.set_ylim(len(cases) - 0.5, -1.4)
    # Linear where promises are kept, so that a single block that is far out does not hide them.
    axes.set_xscale("symlog", linthresh=10, linscale=2)
    axes.set_xticks([0, 2, 5, 10, 100, 1_000], ["0", "2", "5", "10", "100", "1000"])
    axes.set_xlim(min(0.0, *(case.distributions["late"].p50 for case in cases)), 1.3 * _latest(cases))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("ms after the declared latency")
    caption = (
        "How much later than declared blocks were received: thick from the median to p95, thin to p99, the dot is the "
        f"latest of all. At p99 {LATE_AIM:g} ms are allowed; beyond 10 ms the scale is logarithmic."
    )
    return plot("latency-late", "How well the declared latency is kept", caption, figure)


def _stack(panel: Any, group: Sequence[Variant], scale: float) -> None:
    for row, case in enumerate(group):
        begin, declared = 0.0, scale * case.measures["declared"].median
        if case.parameters["group"] == "rule":
            panel.barh(row, declared, color="white", edgecolor=COLOURS[6], hatch="///", height=0.7)
            continue
        for name in STAGES:
            taken = scale * case.measures[f"{name}_mean"].mean()
            panel.barh(row, taken, left=begin, color=PAINT[name], height=0.7)
            begin += taken
        panel.plot([declared, declared], [row - 0.45, row + 0.45], color="black", linewidth=2)
    panel.set_yticks(range(len(group)), [case.name for case in group])
    panel.set_ylim(len(group) - 0.5, -0.6)
    panel.grid(visible=False, axis="y")


def _label(axes: Any, row: int, begin: float, taken: float, whole: float) -> None:
    """Write a stage's time where there is room: right of its bar, or left of one that ends at the right."""
    text = f"{taken:.1f} ms" if taken >= 1 else f"{taken:.2f} ms"
    if begin + taken < 0.75 * whole:
        place, away, side = begin + taken, 5, "left"
    else:
        place, away, side = begin, -5, "right"
    axes.annotate(text, (place, row), (away, 0), textcoords="offset points", ha=side, va="center")


def _own(base: Variant) -> float:
    others = ("buffering", "network", "pacing")
    return sum(base.measures[f"{name}_mean"].mean() for name in STAGES if name not in others)


def _latest(cases: Sequence[Variant]) -> float:
    return max(20.0, *(case.distributions["late"].high for case in cases))
