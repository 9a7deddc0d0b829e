"""The pictures of `stemd bench quality`, drawn from its report alone."""

import math
from collections.abc import Sequence
from typing import Final

from stemd_bench.plots import COLOURS, Plot, plot, sheet, styled
from stemd_bench.quality.cases import CUT_OFF, FORMATS, OFFLINE
from stemd_bench.quality.points import ARTICLE, BETWEEN
from stemd_bench.quality.verdicts import LEVEL_AIM
from stemd_bench.results import Report, Variant

_MEAN, _GREY = COLOURS[7], COLOURS[6]
_ROW: Final = 0.3  # inches
_FRAME: Final = 1.1  # inches of title and axis
_NEAR_RATIO, _NEAR_DB = 0.1, 0.04  # of two points whose labels would lie on one another
_COLOURED: Final = 6  # songs; of more nobody could tell the colours apart


@styled()
def plots(report: Report) -> Sequence[Plot]:
    """Those for which the report has figures."""
    return [drawn for draw in (_curve, _scores, _levels, _clicks) if (drawn := draw(report.variants))]


def _group(variants: Sequence[Variant], name: str, quantity: str) -> list[Variant]:
    return [v for v in variants if v.parameters["group"] == name and quantity in v.measures]


def _curve(variants: Sequence[Variant]) -> Plot | None:
    """SDR below studio against latency; points that lie on one another share their label."""
    points = _group(variants, "curve", "curve_loss")
    if not points:
        return None
    figure, axes = sheet(4.2)
    for variant in points:
        name = str(variant.parameters["plan"])
        article, between = name == ARTICLE, name.startswith(BETWEEN)
        filled = "full" if variant.parameters["declared"] or article else "none"
        colour = COLOURS[1] if article else _GREY if between else COLOURS[0]
        marker, size = "s" if article else "o", 6 if between else 9
        axes.plot(*_place(variant), marker, color=colour, markersize=size, fillstyle=filled)
    for (x, y), names in _labels([v for v in points if not str(v.parameters["plan"]).startswith(BETWEEN)]).items():
        # Below the line of studio, but for what lies above it.
        above = ARTICLE in names
        place = {"xytext": (0, 7 if above else -7), "va": "bottom" if above else "top"}
        axes.annotate(", ".join(names), (x, y), textcoords="offset points", ha="center", **place)
    axes.axhline(0, color=_GREY, linewidth=1.2, linestyle="--", zorder=0)
    axes.set(xscale="log", xlabel="latency (s)", ylabel="SDR against studio (dB)")
    xs = [_place(v)[0] for v in points]
    axes.set_xlim(min(xs) / 3, max(xs) * 1.6)
    axes.margins(y=0.15)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    caption = (
        "SDR of the stems against plan studio (dashed), mean over the songs, by the latency that the daemon declares "
        "here (hollow: it refuses the plan here, so the plan's own). Grey: other hops and lookaheads. Square: segments "
        "joined as in the article, a quarter apart. Up is better, left is sooner."
    )
    return plot("quality-latency", "SDR against declared latency", caption, figure)


def _place(variant: Variant) -> tuple[float, float]:
    latency = variant.measures.get("latency", variant.measures["window"])
    return latency.median / 1e3, -variant.measures["curve_loss"].median


def _labels(points: Sequence[Variant]) -> dict[tuple[float, float], list[str]]:
    """The names at each place; those that lie on one another share it."""
    labels: dict[tuple[float, float], list[str]] = {}
    for variant in points:
        x, y = _place(variant)
        near = ((a, b) for a, b in labels if abs(math.log(a / x)) < _NEAR_RATIO and abs(b - y) < _NEAR_DB)
        labels.setdefault(next(near, (x, y)), []).append(str(variant.parameters["plan"]))
    return labels


def _scores(variants: Sequence[Variant]) -> Plot | None:
    """A panel for each stem, a row for each way, a dot for each song, a stroke for the mean."""
    scores = _group(variants, "score", "sdr")
    stems = list(dict.fromkeys(str(v.parameters["stem"]) for v in scores))
    rows = list(dict.fromkeys(_way(v) for v in scores))
    songs = list(dict.fromkeys(str(v.parameters["song"]) for v in scores))
    if not scores:
        return None
    few = len(songs) <= _COLOURED
    figure, axes = sheet(_FRAME + len(stems) * (_ROW * len(rows) + 0.5), len(stems), squeeze=False, sharex=True)
    for panel, stem in zip(axes[:, 0], stems, strict=True):
        for index, song in enumerate(songs):
            found = [v for v in scores if (v.parameters["stem"], v.parameters["song"]) == (stem, song)]
            x, y = [v.measures["sdr"].median for v in found], [rows.index(_way(v)) for v in found]
            panel.plot(x, y, "o", color=COLOURS[index] if few else _GREY, alpha=0.9 if few else 0.4, label=song)
        for variant in _group(variants, "summary", "sdr_mean"):
            if variant.parameters["stem"] == stem and _way(variant) in rows:
                mean, row = variant.measures["sdr_mean"].median, rows.index(_way(variant))
                panel.plot(mean, row, "|", color=_MEAN, markersize=18, markeredgewidth=2.5)
        panel.set_title(stem)
        panel.set(yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5))
    axes[-1, 0].set_xlabel("SDR (dB)")
    if few:
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=min(3, len(songs)))
    caption = (
        "SDR of each song, and their mean as a stroke; farther right is better. mixture: the mixture taken as the "
        "estimate, from where separation starts. The plans were streamed through a daemon."
    )
    return plot("quality-sdr", "SDR by stem and plan", caption, figure)


def _way(variant: Variant) -> str:
    way, plan = variant.parameters["way"], variant.parameters["plan"]
    return f"{plan}, offline" if way == OFFLINE else str(plan or way)


def _levels(variants: Sequence[Variant]) -> Plot | None:
    """Level error by level, formats side by side, a dot for each song."""
    found = _group(variants, "level", "level_error")
    if not found:
        return None
    levels = sorted({float(v.parameters["level"]) for v in found}, reverse=True)
    figure, axes = sheet(3.6)
    for index, name in enumerate(FORMATS):
        own = [v for v in found if v.parameters["format"] == name]
        x = [levels.index(float(v.parameters["level"])) + 0.12 * (index - 0.5) for v in own]
        axes.plot(x, [v.measures["level_error"].median for v in own], "os"[index], color=COLOURS[index], label=name)
    axes.axhline(0, color=_GREY, linewidth=1.2, linestyle="--", zorder=0)
    axes.set(xticks=range(len(levels)), xticklabels=[f"{level:g}" for level in levels])
    axes.set(
        xlim=(-0.5, len(levels) - 0.5), xlabel="level of the mixture (dBFS, RMS)", ylabel="vocals' level error (dB)"
    )
    axes.legend(loc="lower left")
    axes.margins(y=0.15)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -2 * LEVEL_AIM), max(high, 2 * LEVEL_AIM))  # what is right is seen to be
    caption = (
        "How much too loud (above 0) or too quiet the vocals come out of a mixture at another level, against the same "
        "song as it is; a dot for each song. The daemon changes no level: what is seen here is the network's."
    )
    return plot("quality-level", "Level error of quiet music", caption, figure)


def _clicks(variants: Sequence[Variant]) -> Plot | None:
    """A row for each plan and stem: flux at joins over elsewhere, and a bar for chance."""
    found = _group(variants, "clicks", "click")
    if not found:
        return None
    stems = dict.fromkeys(v.parameters["stem"] for v in found)
    figure, axes = sheet(_FRAME + 0.4 + _ROW * 1.3 * len(found))
    for row, variant in enumerate(found):
        measures = {name: measure.median for name, measure in variant.measures.items()}
        colour = COLOURS[1] if variant.parameters["plan"] == CUT_OFF else COLOURS[0]
        told = not row
        axes.plot(
            [measures["chance_low"], measures["chance"]],
            [row, row],
            color="#BBBBBB",
            linewidth=9,
            solid_capstyle="butt",
            label="chance" if told else None,
        )
        axes.plot(measures["click"], row, "o", color=colour, markersize=9, label="median" if told else None)
        axes.plot(
            measures["click_p95"],
            row,
            "o",
            color=colour,
            markersize=7,
            fillstyle="none",
            label="95th percentile" if told else None,
        )
    names = [_row_name(v, several=len(stems) > 1) for v in found]
    axes.axvline(1, color=_GREY, linewidth=1.2, linestyle="--", zorder=0)
    axes.set(yticks=range(len(found)), yticklabels=names, ylim=(len(found) - 0.4, -0.6))
    axes.set_xlabel("spectral flux at joins, times elsewhere")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    caption = (
        "Spectral flux where segments were joined, over that elsewhere in the same stem; 1 is no click. Grey: what as "
        "many places elsewhere would give by chance (1 to 99 %). `cut off` has no crossfade and should click."
    )
    return plot("quality-clicks", "Clicks at the joins", caption, figure)


def _row_name(variant: Variant, *, several: bool) -> str:
    plan, stem = variant.parameters["plan"], variant.parameters["stem"]
    return f"{plan}, {stem}" if several else str(plan)
