"""Whether equal streams are served equally."""

from collections.abc import Sequence

import numpy as np

from stemd_bench.overhead.task import Served

UNITS = {
    "stream_late_p99": "ms",
    "stream_on_time": "% of blocks",
    "stream_degraded": "blocks",
    "stream_load": "%",
    "fairness": "of 1",
    "best_late_p99": "ms",
    "worst_late_p99": "ms",
    "best_on_time": "% of blocks",
    "worst_on_time": "% of blocks",
    "best_load": "%",
    "worst_load": "%",
    "best_degraded": "blocks",
    "worst_degraded": "blocks",
}


def jain(shares: Sequence[float]) -> float:
    """Jain's index of fairness: 1 where all get the same, 1/n where one of n gets everything.

    `(sum x)**2 / (n * sum x**2)`: R. Jain, D. Chiu, W. Hawe, "A quantitative measure of fairness and discrimination
    for resource allocation in shared computer systems", DEC-TR-301, 1984. Where nobody gets anything, all get the same.
    """
    x = np.asarray(shares, np.float64)
    squares = len(x) * float(np.square(x).sum())
    return float(x.sum()) ** 2 / squares if squares else 1.0


def of_stream(served: Served) -> dict[str, float]:
    """What one stream got; no lateness where nothing came."""
    late = {"stream_late_p99": float(np.percentile(served.late, 99))} if served.late else {}
    return {
        **late,
        "stream_on_time": 100 * served.on_time / max(served.due, 1),
        "stream_degraded": float(served.degraded),
        "stream_load": 100 * served.load,
    }


def of_all(streams: Sequence[Served]) -> dict[str, float]:
    """How far equal streams are apart, and Jain's index of the share of each one's blocks that came on time."""
    each = [of_stream(served) for served in streams]
    if not each:
        return {}
    found = {"fairness": jain([one["stream_on_time"] for one in each])}
    for quantity, best in (("late_p99", min), ("on_time", max), ("degraded", min), ("load", min)):
        values = [one[f"stream_{quantity}"] for one in each if f"stream_{quantity}" in one]
        if values:
            worst = max if best is min else min
            found |= {f"best_{quantity}": best(values), f"worst_{quantity}": worst(values)}
    return found
