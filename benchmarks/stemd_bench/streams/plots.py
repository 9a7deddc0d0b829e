"""The pictures of `stemd bench streams`, each drawn from the report alone."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from stemd_bench.overhead.task import ON_TIME
from stemd_bench.overhead.verdicts import holds
from stemd_bench.plots import COLOURS, Plot, plot, sheet, styled
from stemd_bench.results import Report, Variant
from stemd_bench.streams.capacity import ALONE, BUSY, FREE, TOGETHER
from stemd_bench.streams.growth import AXES, Axis, is_complete, points
from stemd_bench.streams.networks import ROOMY, SHIPPED, TITLES
from stemd_bench.streams.texts import short_order
from stemd_bench.streams.verdicts import of_group

_BLUE, _RED, _GREEN, *_ = COLOURS
_GREY: Final = COLOURS[6]
_SMALL: Final = 9.5  # points; where a panel has half of the width
_COMPANIES: Final = {
    ALONE: "alone",
    TOGETHER: "all begin\nat once",
    FREE: "beside a\nfree stream",
    BUSY: "beside other\nprograms",
}


@styled()
def plots(report: Report) -> Sequence[Plot]:
    """All that the report has figures for."""
    return [*_capacity(report), *_load(report), *_growth(report), *_fairness(report)]


def _capacity(report: Report) -> Iterator[Plot]:
    found = of_group(report.variants, "capacity")
    networks = {
        name: variants
        for name in dict.fromkeys(str(v.parameters["network"]) for v in found)
        if (variants := [v for v in found if v.parameters["network"] == name])
    }
    if not networks:
        return
    rows = [len(variants) for variants in networks.values()]
    figure, axes = sheet(0.5 * len(rows) + 0.42 * sum(rows) + 0.4, len(rows), height_ratios=rows, squeeze=False)
    for panel, (name, variants) in zip(axes[:, 0], networks.items(), strict=True):
        _bars(panel, TITLES[name], variants)
    axes[-1, 0].set_xlabel("streams")
    yield plot(
        "streams-capacity",
        "How many streams",
        "Streams in real time by network and plan: pale, those that the daemon admits before it refuses one; solid, "
        "those that can play at once with every block whole and 99 of 100 at most 10 ms late. The more often a plan "
        "runs its network, the fewer streams share the machine. Each network has a scale of its own.",
        figure,
    )


def _bars(panel: Any, title: str, variants: Sequence[Variant]) -> None:
    plans = [str(v.parameters["plan"]) for v in variants]
    admitted, held = ([v.measures[name].median for v in variants] for name in ("admitted", "held"))
    panel.barh(plans, admitted, color=_BLUE, alpha=0.3)
    panel.barh(plans, held, color=_BLUE)
    for row, (taken, kept) in enumerate(zip(admitted, held, strict=True)):
        words = f"{taken:.0f}" if kept == taken else f"{kept:.0f} of {taken:.0f}"
        panel.annotate(words, (taken, row), (5, 0), textcoords="offset points", va="center")
    panel.invert_yaxis()
    panel.grid(visible=False, axis="y")
    panel.set_title(title)
    # Room for the words behind the longest bar, and no halves of streams.
    panel.set_xlim(0, 1.2 * max(*admitted, 1))
    panel.xaxis.get_major_locator().set_params(integer=True)


def _load(report: Report) -> Iterator[Plot]:
    (axis,) = [axis for axis in AXES if axis.parameter == "streams"]
    played = [v for v in points(report.variants, axis) if "added_p99" in v.measures]
    if len(played) < 2:
        return
    figure, (late, cost) = sheet(4.8, 2, sharex=True)
    x = [axis.at(v) for v in played]
    for name, colour in (("p99", _BLUE), ("p50", _GREEN)):
        y = [v.measures[f"added_{name}"].median for v in played]
        _trace(late, played, x, y, colour)
        late.annotate(name, (x[-1], y[-1]), (6, 0), textcoords="offset points", color=colour, va="center")
    late.axhline(ON_TIME, color=_GREY, linestyle="--")
    late.set_yscale("log")
    _plain(late.yaxis)
    late.set_ylabel("ms late")
    _trace(cost, played, x, [v.measures["daemon_cpu"].median for v in played], _BLUE)
    cost.set_ylabel("% of a core")
    cost.set_ylim(bottom=0)
    cost.set_xlabel("streams")
    said = _stop(played, (late, cost))
    yield plot(
        "streams-load",
        "Lateness and processor time by number of streams",
        "With a network that copies, so what is seen is the daemon itself: how much later than declared blocks arrive, "
        f"and the daemon's processor time, blocks of 20 ms. Dashed: the {ON_TIME:g} ms that are allowed. {said}",
        figure,
    )


def _plain(axis: Any) -> None:
    """Of a logarithmic axis: 1, 2, 5, 10, and nothing between."""
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415 - takes half a second

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _trace(panel: Any, variants: Sequence[Variant], x: Sequence[float], y: Sequence[float], colour: str) -> None:
    """A line with a dot for each case: full where all streams held, hollow where they did not."""
    panel.plot(x, y, color=colour, zorder=2)
    faces = [colour if holds(v) else "white" for v in variants]
    panel.scatter(x, y, c=faces, edgecolors=colour, zorder=3)


def _stop(played: Sequence[Variant], panels: Sequence[Any]) -> str:
    """Mark where streams stop holding; in words, too."""
    counts = [int(v.parameters["streams"]) for v in played]
    held = next((n for n, v in enumerate(played) if not holds(v)), len(played))
    if held == len(played):
        return f"All hold, up to {counts[-1]}; no more were tried."
    for panel in panels:
        panel.axvspan(counts[held - 1] if held else 0, counts[held], color=_RED, alpha=0.15, linewidth=0)
    if not held:
        return f"Already {counts[0]} did not hold in every run; hollow dots did not."
    return (
        f"{counts[held - 1]} hold and {counts[held]} do not: they stop within the shaded part; hollow dots do not hold."
    )


def _growth(report: Report) -> Iterator[Plot]:
    drawn = {axis: found for axis in AXES if len(found := points(report.variants, axis)) > 1}
    if len(drawn) < len(AXES):
        return
    figure, axes = sheet(5.6, 2, 2)
    orders = {(v.parameters["axis"], v.parameters["of"]): v for v in of_group(report.variants, "order")}
    for panel, (axis, variants) in zip(axes.flat, drawn.items(), strict=True):
        _panel(panel, axis, variants, orders.get((axis.parameter, axis.cost)))
    yield plot(
        "streams-growth",
        "How the cost grows",
        "Processor time of the daemon when one thing grows and the others stay, with a network that copies: of all "
        "streams at the top left, of one stream elsewhere. A dot a run; grey ones, in which not all of the work was "
        "done, are not counted. The line is the fitted one; dotted where no order can be named or it is not a line.",
        figure,
    )


def _panel(panel: Any, axis: Axis, variants: Sequence[Variant], order: Variant | None) -> None:
    for variant in variants:
        y = variant.measures[axis.cost].values
        panel.scatter([axis.at(variant)] * len(y), y, s=22, color=_BLUE if is_complete(variant) else _GREY, zorder=3)
    words = "not known"
    if order is not None:
        low, high = float(order.parameters["low"]), float(order.parameters["high"])
        base, slope = (order.measures[f"fit_{name}"].median for name in ("base", "slope"))
        style = "-" if order.parameters["order"] in ("linear", "flat") else ":"
        panel.plot([low, high], [base + slope * low, base + slope * high], style, color=_RED, zorder=2)
        words = short_order(order)
    panel.set_title(words, fontsize=_SMALL)
    panel.set_xlabel(axis.title, fontsize=_SMALL)
    panel.set_ylabel("% of a core" if axis.cost == "daemon_cpu" else "% of a core, a stream", fontsize=_SMALL)
    panel.tick_params(labelsize=_SMALL)
    panel.set_xlim(left=0)
    panel.set_ylim(bottom=0)


def _fairness(report: Report) -> Iterator[Plot]:
    streams = of_group(report.variants, "stream")
    rows = [company for company in _COMPANIES if any(v.parameters["company"] == company for v in streams)]
    if not rows:
        return
    figure, (late, whole) = sheet(1.6 + 1.5 * len(rows), 2)
    for row, company in enumerate(rows):
        each = [v for v in streams if v.parameters["company"] == company]
        for panel, quantity in ((late, "stream_late_p99"), (whole, "stream_on_time")):
            there = [(n, v.measures[quantity].median) for n, v in enumerate(each) if quantity in v.measures]
            y = [row + 0.6 * ((n + 0.5) / len(each) - 0.5) for n, _ in there]
            panel.scatter([value for _, value in there], y, s=22, color=COLOURS[row], zorder=3)
    for panel in (late, whole):
        panel.set_yticks(range(len(rows)), [_COMPANIES[company] for company in rows])
        panel.set_ylim(len(rows) - 0.5, -0.5)
    late.set_xscale("log")
    _plain(late.xaxis)
    late.axvline(ON_TIME, color=_GREY, linestyle="--")
    late.set_xlabel("p99 of lateness, ms")
    whole.set_xlim(-3, 103)
    whole.set_xlabel("% of blocks on time")
    yield plot("streams-fairness", "Equal streams, served equally", _fairness_caption(report, rows), figure)


def _fairness_caption(report: Report, rows: Sequence[str]) -> str:
    named = {
        str(v.parameters.get("company", ALONE)): v.measures["fairness"].median
        for v in report.variants
        if "fairness" in v.measures and (v.parameters["group"] == "company" or _is_alone(v))
    }
    indices = ", ".join(f"{_COMPANIES[row].replace(chr(10), ' ')} {named[row]:.3f}" for row in rows if row in named)
    return (
        "A dot for each of as many equal streams as are admitted (shipped network, plan roomy), in the order in which "
        "they were opened, from the top. Fair is what stands upright, whatever it stands at. Jain's index of the share "
        f"of blocks that come whole and at most {ON_TIME:g} ms late, 1 where all are served alike: {indices}."
    )


def _is_alone(variant: Variant) -> bool:
    return (variant.parameters.get("network"), variant.parameters.get("plan")) == (SHIPPED, ROOMY)
