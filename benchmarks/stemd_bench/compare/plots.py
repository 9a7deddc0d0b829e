"""Changes with their intervals, one below the other."""

import math
from collections.abc import Sequence
from typing import Any, Final

from stemd_bench.compare.changes import DECIBELS, Change
from stemd_bench.compare.comparison import Comparison
from stemd_bench.plots import COLOURS, Plot, plot, sheet, styled

MOST: Final = 20  # in one plot, to be readable on a phone
_LETTERS: Final = 62  # of a label
_TYPE: Final[Any] = {
    "fontsize": 10,
    "va": "bottom",
    "parse_math": False,
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5},
}
_ROW, _REST = 0.52, 1.1  # inches
_BLUE, _RED, _GREEN, *_ = COLOURS
_GREY: Final = "#6F6F6F"
_MARKS: Final = {"worse": (_RED, "X"), "better": (_GREEN, "o"), "differs": (_BLUE, "D")}
_PLAIN: Final = (_GREY, "|")
_TICKS: Final = (1, 10, 25, 50, 80, 90, 95, 100, 105, 110, 125, 200, 400, 1_000, 10_000)
"""B in percent of A."""


@styled()
def plots(comparison: Comparison) -> list[Plot]:
    """Of what is in percent and of what is in decibels, as far as there is any; counts that were 0 are in the table."""
    ratios = [change for change in comparison.changes if change.percent]
    levels = [change for change in comparison.changes if change.unit == DECIBELS]
    found = []
    if ratios:
        found.append(_forest(comparison, "changes", ratios, comparison.threshold_percent))
    if levels:
        found.append(_forest(comparison, "changes-in-db", levels, comparison.threshold_decibels))
    return found


def _forest(comparison: Comparison, name: str, changes: Sequence[Change], threshold: float) -> Plot:
    shown = ([change for change in changes if change.better] or changes)[:MOST]
    percent = shown[0].percent
    reach = _reach(shown, threshold, percent=percent)
    figure, axes = sheet(_REST + _ROW * len(shown))
    axes.axvspan(_place(-threshold, percent=percent), _place(threshold, percent=percent), color="#EFEFEF", linewidth=0)
    axes.axvline(0.0, color="black", linewidth=1)
    for row, change in enumerate(shown):
        _line(axes, row, change, reach)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(len(shown) - 0.5, -0.9)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"change from A to B ({'%' if percent else DECIBELS})")
    if percent:
        _ticks(axes, reach)
    return plot(name, f"What changed: {comparison.suite}", _caption(comparison, shown, changes), figure)


def _line(axes: Any, row: int, change: Change, reach: float) -> None:
    """The change and its interval, with arrows where that goes further than there is room for."""
    colour, marker = _MARKS.get(change.verdict, _PLAIN)
    low, middle, high = (_place(v, percent=change.percent) for v in (change.low, change.change, change.high))
    style = ":" if change.confidence is None else "-"
    axes.plot((max(low, -reach), min(high, reach)), (row, row), style, color=colour, linewidth=2)
    axes.plot(middle, row, marker, color=colour, markersize=8, markeredgewidth=2)
    for end, arrow, is_out in ((-reach, "<", low < -reach), (reach, ">", high > reach)):
        if is_out:
            axes.plot(end, row, arrow, color=colour, clip_on=False)
    # Above its line, from the left edge: beside it, names would leave no room for the figures on a phone.
    axes.text(0.0, row - 0.28, _label(change), transform=axes.get_yaxis_transform(), color=colour, **_TYPE)


def _label(change: Change) -> str:
    end = f": {change.quantity}, {change.amount(change.change)}"
    room = _LETTERS - len(end)
    return (change.variant if len(change.variant) <= room else f"{change.variant[: room - 1]}…") + end


def _place(value: float, *, percent: bool) -> float:
    """On the axis: ratios as their logarithm, so that twice and half are equally far from no change."""
    return math.log1p(max(value, -99.9) / 100) if percent else value


def _reach(shown: Sequence[Change], threshold: float, *, percent: bool) -> float:
    """How far the axis goes to either side of no change, so that better and worse are seen as what they are.

    It holds every change, and intervals as far as that leaves the changes visible.
    """
    changes = [abs(_place(change.change, percent=percent)) for change in shown]
    ends = [abs(_place(value, percent=percent)) for change in shown for value in (change.low, change.high)]
    least = max(*changes, _place(2 * threshold, percent=percent), 1e-3)
    return 1.08 * min(max(*ends, least), 2 * least)


def _ticks(axes: Any, reach: float) -> None:
    """As many round percentages as have room."""
    places: dict[float, str] = {}
    for tick in sorted(_TICKS, key=lambda tick: abs(math.log(tick / 100))):
        place = math.log(tick / 100)
        if abs(place) < reach and all(abs(place - other) > reach / 4.5 for other in places):
            places[place] = f"{tick - 100:+d}" if tick != 100 else "0"
    axes.set_xticks(list(places), list(places.values()))


def _caption(comparison: Comparison, shown: Sequence[Change], changes: Sequence[Change]) -> str:
    worse = sum(change.verdict == "worse" for change in shown)
    better = sum(change.verdict == "better" for change in shown)
    rest = f", of {len(changes)} the first {len(shown)}" if len(shown) < len(changes) else ""
    return (
        f"Change of each quantity from {comparison.a.file} to {comparison.b.file}{rest}: {worse} worse (crosses), "
        f"{better} better (circles), the others not beyond noise and threshold. Lines: the 95 % interval; dotted: all "
        "pairs, where there are too few repeats. Grey band: the threshold."
    )
