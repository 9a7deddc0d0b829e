"""From what a client that made load wrote down to the figures of a report."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from stemd_bench.overhead.task import Result

UNITS: Final = {
    "opened": "streams",
    "opening": "s",
    "added_p50": "ms",
    "added_p99": "ms",
    "added_max": "ms",
    "cpu_per_stream": "% of a core",
    "daemon_cpu": "% of a core",
    "client_cpu": "% of a core",
    "others": "% of a core",
    "client_late_p99": "ms",
    "load": "%",
    "degraded": "blocks",
    "dropped": "blocks",
    "changed": "blocks",
    "lost": "blocks",
}
FAULTS: Final = ("degraded", "dropped", "changed", "lost")


def figures(result: Result) -> dict[str, float]:
    """All streams together; without lateness where nothing came."""
    return {
        "opened": len(result.streams),
        "opening": result.opening,
        **lateness([late for stream in result.streams for late in stream.late]),
        "cpu_per_stream": 100 * result.daemon_cpu / max(len(result.streams), 1),
        "daemon_cpu": 100 * result.daemon_cpu,
        "client_cpu": 100 * result.client_cpu,
        "others": 100 * result.others,
        "client_late_p99": result.client_late,
        "load": 100 * sum(stream.load for stream in result.streams),
        **faults(result),
    }


def lateness(late: Sequence[float]) -> dict[str, float]:
    """Percentiles of ms; nothing where nothing came."""
    values: list[float] = np.percentile(late, [50, 99, 100]).tolist() if late else []
    return dict(zip(("added_p50", "added_p99", "added_max"), values, strict=False))


def faults(result: Result) -> dict[str, float]:
    """How many blocks of all streams went wrong, by fault."""
    return {fault: float(sum(getattr(stream, fault) for stream in result.streams)) for fault in FAULTS}
