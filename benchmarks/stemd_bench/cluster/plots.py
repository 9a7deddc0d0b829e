"""The pictures of `stemd bench cluster`, each drawn from the report alone."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from stemd_bench.cluster.names import GRPC, SHARED
from stemd_bench.cluster.statistics import STAGES
from stemd_bench.cluster.verdicts import of_group
from stemd_bench.plots import COLOURS, Plot, plot, sheet, styled
from stemd_bench.results import Report, Variant

_BLUE, _RED, _GREEN, _PINK, _ORANGE, _SKY, _GREY, _ = COLOURS
_PAINT: Final = dict(zip(STAGES, (_RED, _GREY, _ORANGE, _PINK, _BLUE, _GREEN), strict=True))
_TITLES: Final = {"way": "way there and back", "queue": "queue", "input": "input", "output": "output"} | {
    "backend": "to the backend and back",
    "network": "network",
}
_ROW: Final = 0.45  # inches


@styled()
def plots(report: Report) -> Sequence[Plot]:
    """All that the report has figures for."""
    return [*_streams(report), *_requests(report), *_traffic(report)]


def _streams(report: Report) -> Iterator[Plot]:
    found = of_group(report.variants, "capacity")
    plans = list(dict.fromkeys(str(v.parameters["plan"]) for v in found))
    if not plans:
        return
    figure, axes = sheet(0.6 + 2.6 * len(plans), len(plans), squeeze=False)
    for panel, plan in zip(axes[:, 0], plans, strict=True):
        _held(panel, plan, [v for v in found if v.parameters["plan"] == plan])
    axes[-1, 0].set_xlabel("servers, a core each")
    cores = report.machine.cores
    yield plot(
        "cluster-streams",
        "Streams against servers",
        "How many streams in real time one daemon holds whose network runs on so many servers, each held to one core: "
        "pale, those that it admits; solid, those that play with every block whole and in time. Dashed: as many times "
        "what one server holds. The grey bar is the daemon's own engine with one thread. "
        f"All of it shares the {cores} cores of one machine, daemon and load included.",
        figure,
    )


def _held(panel: Any, plan: str, variants: Sequence[Variant]) -> None:
    counts = [int(v.parameters["servers"]) for v in variants]
    places = range(len(counts))
    held, admitted = ([v.measures[name].median for v in variants] for name in ("held", "admitted"))
    colours = [_BLUE if count else _GREY for count in counts]
    panel.bar(places, admitted, color=colours, alpha=0.3)
    panel.bar(places, held, color=colours)
    for place, kept, taken in zip(places, held, admitted, strict=True):
        words = f"{kept:.0f}" if kept == taken else f"{kept:.0f} of {taken:.0f}"
        panel.annotate(words, (place, taken), (0, 6), textcoords="offset points", ha="center")
    if 1 in counts:
        one = held[counts.index(1)]
        ideal = [(place, one * count) for place, count in zip(places, counts, strict=True) if count]
        panel.plot(*zip(*ideal, strict=True), color=_RED, linestyle="--", marker="o", markersize=4)
    panel.set_xticks(places, [str(count) if count else "none" for count in counts])
    panel.set_ylim(0, 1.25 * max(*admitted, *(count * max(held) / max(counts) for count in counts), 1))
    panel.grid(visible=False, axis="x")
    panel.set_title(f"plan {plan}")
    panel.set_ylabel("streams")
    panel.yaxis.get_major_locator().set_params(integer=True)


def _requests(report: Report) -> Iterator[Plot]:
    found = [v for v in of_group(report.variants, "request") if v.parameters["way"] in (GRPC, SHARED)]
    kinds = list(dict.fromkeys((str(v.parameters["network"]), str(v.parameters["plan"])) for v in found))
    if not kinds:
        return
    figure, axes = sheet(1.4 + (1.0 + 2 * _ROW) * len(kinds), len(kinds), squeeze=False)
    for panel, kind in zip(axes[:, 0], kinds, strict=True):
        _stages(panel, kind, [v for v in found if (v.parameters["network"], v.parameters["plan"]) == kind])
    axes[-1, 0].set_xlabel("ms of a request, mean")
    handles = [axes[0, 0].barh([0], [0], color=_PAINT[stage], label=_TITLES[stage]) for stage in STAGES]
    figure.legend(handles=handles, loc="outside lower left", ncols=3, handlelength=1, columnspacing=1)
    yield plot(
        "cluster-request",
        "Where a request's time goes",
        "One segment after the other, on one server of the same machine. All but the network is what it costs to have "
        "it elsewhere: the daemon's client, the sockets, the server's queue, and the way between the server and the "
        "process that runs the network. Each panel has a scale of its own.",
        figure,
    )


def _stages(panel: Any, kind: tuple[str, str], variants: Sequence[Variant]) -> None:
    for row, variant in enumerate(variants):
        begin = 0.0
        for stage in STAGES:
            taken = variant.measures[f"stage_{stage}"].median
            panel.barh(row, taken, left=begin, color=_PAINT[stage], height=0.7)
            begin += taken
        panel.annotate(f"{begin:.0f} ms", (begin, row), (5, 0), textcoords="offset points", va="center")
    panel.set_yticks(range(len(variants)), [str(v.parameters["way"]) for v in variants])
    panel.set_ylim(len(variants) - 0.5, -0.5)
    panel.set_xlim(0, 1.15 * panel.dataLim.x1)
    panel.grid(visible=False, axis="y")
    panel.set_title(", ".join(kind))


def _traffic(report: Report) -> Iterator[Plot]:
    found = of_group(report.variants, "traffic")
    if not found:
        return
    figure, axes = sheet(0.9 + _ROW * len(found))
    for row, variant in enumerate(found):
        sent, answered = (variant.measures[f"{way}_rate"].median for way in ("sent", "answered"))
        axes.barh(row, sent, color=_BLUE, height=0.7)
        axes.barh(row, answered, left=sent, color=_SKY, height=0.7)
        words = f"{sent + answered:.0f}" if sent + answered >= 10 else f"{sent + answered:.1f}"
        axes.annotate(words, (sent + answered, row), (5, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(found)), [f"{v.parameters['network']}, {v.parameters['plan']}" for v in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, 1.15 * axes.dataLim.x1)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Mbit/s of one stream")
    yield plot(
        "cluster-traffic",
        "What a stream sends to servers",
        "Computed from the shapes of the tensors, for one network: dark, segments; light, stems that come back. Every "
        "segment brings its whole history along, so it is the hop that decides: plans that answer soon send the same "
        "seconds again and again.",
        figure,
    )
