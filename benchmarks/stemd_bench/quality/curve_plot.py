"""The picture of `stemd bench quality --curve`."""

from collections.abc import Sequence
from typing import Any, Final

from stemd_bench.plots import COLOURS, Plot, plot, sheet, styled
from stemd_bench.results import Report, Variant

NAME: Final = "hop-and-lookahead"


@styled()
def plots(report: Report) -> Sequence[Plot]:
    """One line for each hop and overlap, a ring around each plan that has a name."""
    if not report.variants:
        return ()
    figure, axes = sheet(4.6)
    lines = dict.fromkeys((v.parameters["hop"], v.parameters["overlap"]) for v in report.variants)
    for line, colour in zip(lines, COLOURS, strict=False):
        _line(axes, [v for v in report.variants if (v.parameters["hop"], v.parameters["overlap"]) == line], colour)
    for variant in report.variants:
        if named := variant.parameters["plan"]:
            _ring(axes, variant, str(named))
    axes.axhline(0.0, color=COLOURS[6], linewidth=1.2, linestyle="--", label="studio")
    axes.set(xlabel="hop + overlap + lookahead (ms)", ylabel="vocals' SDR against studio (dB)")
    left, right = axes.get_xlim()
    axes.set_xlim(left - 0.2 * (right - left), right)  # room for names
    axes.legend(loc="lower right")
    caption = (
        "SDR of the vocals below plan studio (dashed), mean over the songs, against the part of the latency that the "
        "plan sets. Up is better, left is sooner. Crossfaded: neighbours overlap by a step; else they share out frames."
    )
    return (plot(NAME, "Hop and lookahead", caption, figure),)


def _line(axes: Any, variants: Sequence[Variant], colour: str) -> None:
    first = variants[0].parameters
    hop = 1e3 * float(first["hop"]) / float(first["rate"])
    crossfaded = ", crossfaded" if first["overlap"] else ""
    axes.plot(*zip(*map(_point, variants), strict=True), ".-", color=colour, label=f"hop {hop:.0f} ms{crossfaded}")


def _ring(axes: Any, variant: Variant, name: str) -> None:
    x, y = _point(variant)
    axes.plot(x, y, "o", color="black", markersize=9, fillstyle="none")
    axes.annotate(f"plan {name}", (x, y), xytext=(-9, 3), textcoords="offset points", ha="right")


def _point(variant: Variant) -> tuple[float, float]:
    return variant.measures["window"].median, -variant.measures["loss"].median
