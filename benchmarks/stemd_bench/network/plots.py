"""The plots of `stemd bench network`: time beside PyTorch and the floor, what each choice gives, memory."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from stemd_bench.network.names import APART, BAGS, CHANGED, EAGER, FAST
from stemd_bench.plots import COLOURS, Plot, plot, sheet, styled
from stemd_bench.results import Measure, Report, Variant

_OURS, _OTHERS, _FLOOR, _SLOWER = COLOURS[0], COLOURS[6], COLOURS[7], COLOURS[1]
_ROW: Final = 0.34  # inches of a bar with its gap
_FRAME: Final = 1.2  # inches of title and axis


@styled()
def plots(report: Report) -> Sequence[Plot]:
    """Those for which the report has figures."""
    return [drawn for draw in (_speed, _choices, _memory) if (drawn := draw(report.variants))]


def _speed(variants: Sequence[Variant]) -> Plot | None:
    """Time of a segment over PyTorch eager's, one panel for one specialist and one for the bag."""
    timed = [v for v in variants if "eager" in v.measures and v.name not in CHANGED.values()]
    groups = {
        "One specialist": [v for v in timed if v.name not in BAGS.values()],
        "The bag: four specialists": [v for v in timed if v.name in BAGS.values()],
    }
    panels = {title: rows for title, rows in groups.items() if rows}
    if not panels:
        return None
    height = _FRAME * len(panels) + _ROW * len(timed)
    figure, axes = sheet(height, len(panels), squeeze=False, sharex=True, height_ratios=list(map(len, panels.values())))
    longest = max(100 / v.measures["eager"].low for v in timed)
    for panel, (title, rows) in zip(axes[:, 0], panels.items(), strict=True):
        shares = [_turned(v.measures["eager"], lambda ratio: 100 / ratio) for v in rows]
        _bars(panel, [_row_name(v) for v in rows], shares, [_colour(v) for v in rows], list(map(_said, rows)))
        if floor := _floor(rows):
            panel.axvline(floor, color=_FLOOR, linestyle=":", linewidth=1.5)
            panel.text(floor, -0.75, " sgemm floor", fontsize=10, va="center")
        panel.set_title(title)
        panel.set_xlim(0, 1.35 * longest)
    axes[-1, 0].set_xlabel("time of a segment, % of PyTorch eager")
    caption = (
        "Time of one segment against PyTorch eager's, which is 100 %; shorter is better. The thin line is the range of "
        "the repeats. The dotted line is the floor: the network's products at this machine's best sgemm rate."
    )
    return plot("network-speed", "One segment, in everything that can run it", caption, figure)


def _choices(variants: Sequence[Variant]) -> Plot | None:
    """What taking one choice back does to the time, in %."""
    named = {v.name: v for v in variants if "seconds" in v.measures}
    rows = [named[name] for name in CHANGED.values() if name in named]
    if FAST not in named or not rows:
        return None
    base = named[FAST].measures["seconds"].values
    changes = [
        Measure.of([100 * (t / b - 1) for t, b in zip(v.measures["seconds"].values, base, strict=True)], "%")
        for v in rows
    ]
    figure, panel = sheet(_FRAME + _ROW * len(rows))
    colours = [_SLOWER if change.median > 0 else _OURS for change in changes]
    _bars(panel, [_row_name(v) for v in rows], changes, colours, [f"{round(c.median):+d} %" for c in changes])
    panel.axvline(0, color=_FLOOR, linewidth=1)
    low, high = min(0, *(c.low for c in changes)), max(0, *(c.high for c in changes))
    room = 0.25 * max(high - low, 10)
    panel.set(xlim=(low - room, high + room), xlabel=f"time, % more than {FAST}")
    caption = (
        f"Each row differs from `{FAST}` in one respect. To the right: it takes longer so, and the choice that was "
        "made instead is worth that much. Medians of the ratios within each repeat; the thin line is their range."
    )
    return plot("network-choices", "What each choice of the export is worth", caption, figure)


def _memory(variants: Sequence[Variant]) -> Plot | None:
    rows = [v for v in variants if "peak" in v.measures and v.name not in CHANGED.values()]
    if not rows:
        return None
    big = max(v.measures["peak"].high for v in rows) >= 1000
    peaks = [_turned(v.measures["peak"], (lambda mb: mb / 1e3) if big else (lambda mb: mb)) for v in rows]
    figure, panel = sheet(_FRAME + _ROW * len(rows))
    labels = [f"{peak.median:.1f}" if big else f"{peak.median:.0f}" for peak in peaks]
    _bars(panel, [v.name for v in rows], peaks, [_colour(v) for v in rows], labels)
    panel.set(xlim=(0, 1.2 * max(peak.high for peak in peaks)), xlabel=f"peak memory, {'GB' if big else 'MB'}")
    caption = (
        "The most memory that a fresh process ever held that loads the row and runs it twice: interpreter, libraries, "
        "network and working memory. Shorter is better."
    )
    return plot("network-memory", "Memory of a process that runs it", caption, figure)


def _bars(
    panel: Any, names: Sequence[str], values: Sequence[Measure], colours: Sequence[str], labels: Sequence[str]
) -> None:
    """Horizontal bars from above, each with its range and a label behind its end."""
    places = range(len(names))
    panel.barh(places, [value.median for value in values], 0.7, color=colours)
    panel.set_yticks(places, names)
    panel.set_ylim(len(names) - 0.4, -1.1)
    panel.grid(axis="y", visible=False)
    for place, value, label in zip(places, values, labels, strict=True):
        if value.high > value.low:
            panel.plot((value.low, value.high), (place, place), color=_FLOOR, linewidth=1)
        left = value.median < 0
        text = f"{label} " if left else f" {label}"
        end = min(value.low, value.median) if left else max(value.high, value.median)
        panel.text(end, place, text, fontsize=10, va="center", ha="right" if left else "left")


def _turned(measure: Measure, by: Callable[[float], float]) -> Measure:
    return Measure.of([by(value) for value in measure.values], "")


def _said(variant: Variant) -> str:
    """The time, and how many times as fast as PyTorch eager."""
    seconds, times = variant.measures["seconds"].median, variant.measures["eager"].median
    time = f"{seconds:.2f} s" if seconds >= 0.1 else f"{1e3 * seconds:.0f} ms"
    return time if variant.name in (EAGER, BAGS[EAGER]) else f"{time}, {times:.1f}x"


def _floor(rows: Sequence[Variant]) -> float | None:
    """Where the floor lies, in % of PyTorch eager's time."""
    floors = [
        100 / v.measures["floor"].median for v in rows if v.name in (EAGER, BAGS[EAGER]) and "floor" in v.measures
    ]
    return floors[0] if floors else None


def _row_name(variant: Variant) -> str:
    return variant.name.removeprefix("bag: ").removeprefix("... ")


def _colour(variant: Variant) -> str:
    return _OURS if variant.name.startswith("stemd") or variant.name in (*list(BAGS.values())[1:], APART) else _OTHERS
