"""Pictures of distributions, and of what grows with streams or with load."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from stemd_bench.plots import COLOURS, Plot, plot, sheet
from stemd_bench.results import Distribution, Report, Variant

TRANSPORTS: Final = ("base", "transport")  # groups of cases that differ in their sockets alone
_FAR: Final = 15.0  # ms; what was later is told in words


def histograms(report: Report) -> Plot:
    """The base's latency, and that of each other transport."""
    cases = [v for v in report.variants if v.parameters["group"] in TRANSPORTS and "late" in v.distributions]
    figure, axes = sheet(1.0 + 1.2 * len(cases), len(cases), squeeze=False, sharex=True)
    for panel, case in zip(axes[:, 0], cases, strict=True):
        _histogram(panel, case.distributions["late"])
        name = f"{case.name}: declared {case.measures['declared'].median:.0f} ms"
        panel.set_title(name)
    axes[-1, 0].set_xlim(-1.0, _FAR)
    axes[-1, 0].set_xlabel("ms after the declared latency")
    figure.supylabel("blocks", fontsize=11)
    caption = (
        "When blocks were received, from capture on: at 0 after exactly the declared latency, before which none is "
        "sent. Right of it is what the daemon was late, and what the way through the socket and the client's own "
        "wake-up took. The scale is logarithmic."
    )
    return plot("latency-histogram", "Latency of all blocks", caption, figure)


def by_streams(report: Report) -> Mapping[str, Sequence[Variant]]:
    """For each network of which there are several numbers of streams, its cases, fewest streams first."""
    found: dict[str, list[Variant]] = {}
    for variant in report.variants:
        if variant.parameters["group"] in ("base", "network", "streams") and variant.distributions:
            found.setdefault(str(variant.parameters["network"]), []).append(variant)
    return {
        network: sorted(cases, key=lambda v: int(v.parameters["streams"]))
        for network, cases in found.items()
        if len({case.parameters["streams"] for case in cases}) > 1
    }


def streams(by_network: Mapping[str, Sequence[Variant]]) -> Plot:
    """Latency against the number of streams."""
    figure, axes = sheet(0.8 + 2.1 * len(by_network), len(by_network), squeeze=False)
    for panel, (network, cases) in zip(axes[:, 0], by_network.items(), strict=True):
        counts = [int(case.parameters["streams"]) for case in cases]
        for quantity, style in (("p99", "--"), ("p50", "-")):
            values = [getattr(case.distributions["latency"], quantity) for case in cases]
            panel.plot(counts, values, style, marker="o", color=COLOURS[0], label=quantity)
        declared = [case.measures["declared"].median for case in cases]
        panel.plot(counts, declared, color="black", linewidth=1, label="declared")
        panel.set_xscale("log", base=2)
        panel.set_xticks(counts, [str(count) for count in counts])
        panel.minorticks_off()
        low, high = panel.get_ylim()
        panel.set_ylim(low, high + 0.4 * (high - low))  # room for the legend
        panel.set_ylabel("latency in ms")
        panel.set_title(network)
        panel.legend(ncols=3, loc="upper left")
    axes[-1, 0].set_xlabel("streams at once")
    caption = (
        "Latency of all streams together, by how many there are, up to the number that the daemon still admits: more "
        "streams than it can serve in time are refused, so that those that are there keep what they were promised. "
        "Declared is the mean of what each was promised."
    )
    return plot("latency-streams", "Latency against streams", caption, figure)


def loads(report: Report) -> Plot:
    """What time is left as the load rises, until the first block degrades."""
    steps = [v for v in report.variants if v.parameters["group"] == "step"]
    refused = next(float(v.parameters["refused"]) for v in report.variants if v.parameters["group"] == "load")
    figure, axes = sheet(3.4)
    for colour, promised in zip(COLOURS, sorted({int(v.parameters["promised"]) for v in steps}), strict=False):
        mine = [v for v in steps if v.parameters["promised"] == promised]
        _climb(axes, mine, colour, f"promised at {promised} %")
    top = axes.get_ylim()[1]
    axes.axvspan(refused, 1e3, color="#EEEEEE", zorder=0)
    axes.annotate("not admitted", (refused, top), (4, -4), textcoords="offset points", va="top")
    axes.set_xlim(0, 1.1 * max(100.0, *(v.measures["step_load"].median for v in steps)))
    axes.set_ylim(0, top)
    axes.set_xlabel("load: compute time of a hop over its duration, %")
    axes.set_ylabel("ms to spare, least")
    axes.legend(loc="lower left")
    caption = (
        "A stream is promised a latency at one load, which then rises: what time the last-ready block of each load had "
        "left before it was due. The cross is the first load at which a block was degraded. In the grey region no "
        "stream is admitted."
    )
    return plot("latency-load", "Time to spare as the load rises", caption, figure)


def way_up(steps: Sequence[Variant]) -> tuple[list[tuple[float, float]], bool]:
    """Load and least ms to spare of each step up to the first in which a block was degraded, and whether one was."""
    rising = sorted(steps, key=lambda v: int(v.parameters["asked"]))
    # A repeat may come further than another: what it found there is beyond the first block that was degraded.
    clean = list(takewhile(lambda v: not v.measures["step_degraded"].high, rising))
    places = [(v.measures["step_load"].median, v.measures["step_least"].low) for v in clean]
    if len(clean) == len(rising):
        return places, False
    return [*places, (rising[len(clean)].measures["step_load"].median, 0.0)], True


def _climb(axes: Any, steps: Sequence[Variant], colour: str, label: str) -> None:
    places, is_degraded = way_up(steps)
    if is_degraded:
        axes.plot(*places[-1], "X", color=colour, markersize=11, clip_on=False, zorder=3)
    axes.plot(*zip(*places, strict=True), marker="o", markersize=4, color=colour, label=label)


def _histogram(panel: Any, late: Distribution) -> None:
    panel.stairs(late.counts, late.edges, fill=True, color=COLOURS[0])
    panel.axvline(0, color="black", linestyle="--", linewidth=1)
    panel.set_yscale("log")
    panel.set_ylim(0.8, 4 * max(late.counts))
    told = f"p50 {late.p50:.1f}, p99 {late.p99:.1f}, max {late.high:.1f} ms"
    panel.annotate(told, (1, 0.97), xycoords="axes fraction", ha="right", va="top")
