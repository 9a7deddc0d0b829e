"""How a stream went over the time of a soak, and how late its blocks were."""

from typing import Any, Final

import numpy as np

from stemd_bench.live.plots import LATE, lateness
from stemd_bench.live.verdicts import LATE_AIM
from stemd_bench.plots import COLOURS, Plot, plot, sheet, styled
from stemd_bench.results import Report, Series, Variant
from stemd_bench.soak.figures import OVER_TIME

_BLUE, _RED, *_ = COLOURS
_HEIGHT: Final = 5.5  # inches
_MINUTE: Final = 60.0
_IN_SECONDS: Final = 180.0  # shorter runs are told in seconds


@styled()
def plots(report: Report) -> list[Plot]:
    """Of the one stream, if it ran."""
    streams = [variant for variant in report.variants if LATE in variant.distributions]
    whole = [variant for variant in streams if OVER_TIME.keys() <= variant.series.keys()]
    return [*map(_over_time, whole), *([lateness(report.suite, streams)] if streams else [])]


def _over_time(variant: Variant) -> Plot:
    late, latest, load, memory = (variant.series[name] for name in OVER_TIME)
    figure, (top, middle, bottom) = sheet(_HEIGHT, 3, sharex=True)
    longest = max(series.every * len(series.values) for series in variant.series.values())
    unit, name = (1.0, "s") if longest < _IN_SECONDS else (_MINUTE, "min")
    warm_up = longest - late.every * len(late.values)
    top.plot(_times(latest, unit, warm_up), latest.values, color=COLOURS[5], linewidth=1)
    top.plot(_times(late, unit, warm_up), late.values, color=_BLUE, linewidth=1.5)
    top.axhline(LATE_AIM, color=_RED, linewidth=1.5, linestyle="--")
    top.set_title(f"late (ms): p99 of each {late.every:.1f} s, and the latest block (pale)")
    middle.plot(_times(load, unit), load.values, color=_BLUE, linewidth=1.5)
    middle.set_ylim(0, max(100.0, 1.05 * max(load.values)))
    middle.set_title("load (%)")
    bottom.plot(_times(memory, unit), memory.values, color=_BLUE, linewidth=1.5)
    bottom.set_ylim(0, 1.2 * max(memory.values))
    bottom.set_title("resident memory (MiB)")
    bottom.set_xlabel(f"time ({name})")
    caption = (
        f"The stream over time, {variant.name}: what is to be seen is that nothing grows. Lateness is counted from the "
        f"declared latency; dashed: what the protocol allows at p99, {LATE_AIM:g} ms. 100 % of load is as much as fits."
    )
    return plot("soak-over-time", "A stream over time", caption, figure)


def _times(series: Series, unit: float, began: float = 0.0) -> "np.ndarray[Any, Any]":
    """The middle of what each value stands for."""
    times: np.ndarray[Any, Any] = (began + series.every * (np.arange(len(series.values)) + 0.5)) / unit
    return times
