"""From what the listener wrote down to the figures of a soak: those of live streams, and how they went over time."""

from functools import partial
from typing import Final

import numpy as np

from stemd_bench.live import figures as live
from stemd_bench.live.task import Result
from stemd_bench.results import Better, Series
from stemd_bench.suite import Figure

_OF_DEVICES: Final = {"xruns": "xruns", "underruns": "callbacks", "lost_frames": "frames", "resyncs": "resyncs"}
_COUNTED: Final = {"xruns": "xruns", "underruns": "underruns", "lost": "lost_frames", "late": "lost_frames"}
OVER_TIME: Final = {"late_p99_then": "ms", "late_max_then": "ms", "load_then": "%", "memory_then": "MiB"}
_BLOCKS: Final = 300  # as many as a p99 needs to be more than the latest but a few
UNITS: Final = {**live.UNITS, "visits": "visits", **_OF_DEVICES, **OVER_TIME}
# Not memory's growth: in a short run it says nothing, and near 0 no ratio of it does.
BETTER: Final[dict[str, Better]] = {**live.BETTER, **dict.fromkeys(_OF_DEVICES, "lower")}


def figures(result: Result, visits: int, seconds: float, warm_up: float) -> dict[str, Figure]:
    """Of one run.

    Args:
        result: of the listener that stayed.
        visits: of those that came and went.
        seconds: how long it took.
        warm_up: seconds at the beginning whose latencies are not in there.
    """
    found = {**live.figures(result), "visits": float(visits), **_devices(result)}
    return {**found, **_over_time(result, seconds, warm_up)}


def _over_time(result: Result, seconds: float, warm_up: float) -> dict[str, Figure]:
    """Nothing where nothing came; what was looked at and what came is spread evenly over the time."""
    late, loads, memory = (np.asarray(values, np.float64) for values in (result.late, result.loads, result.memory))
    if not (late.size and loads.size and memory.size):
        return {}
    block, look = (seconds - warm_up) / late.size, seconds / loads.size
    made = {
        "late_p99_then": partial(Series.of, late, block, percentile=99.0, least=_BLOCKS),
        "late_max_then": partial(Series.of, late, block),
        "load_then": partial(Series.of, 100 * loads, look),
        "memory_then": partial(Series.of, memory, seconds / memory.size),
    }
    return {name: make(unit=OVER_TIME[name]) for name, make in made.items()}


def _devices(result: Result) -> dict[str, float]:
    """What went wrong with the devices; nothing where there are none."""
    found: dict[str, float] = {}
    for name, count in result.devices.items():
        fault = name.partition(" ")[2]
        quantity = _COUNTED.get(fault, fault)
        found[quantity] = found.get(quantity, 0.0) + count
    return found
