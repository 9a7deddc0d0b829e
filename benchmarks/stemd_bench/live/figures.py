"""From what the client wrote down to the figures of a report."""

from typing import Final

import numpy as np

from stemd_bench.live.listening import lost
from stemd_bench.live.task import Result
from stemd_bench.results import Better
from stemd_bench.suite import Figure

UNITS: Final[dict[str, str]] = {
    "declared": "ms",
    "latency_p50": "ms",
    "latency_p95": "ms",
    "latency_p99": "ms",
    "latency_max": "ms",
    "late": "ms",
    "late_p99": "ms",
    "late_max": "ms",
    "hop": "frames",
    "lookahead": "frames",
    "load": "%",
    "load_max": "%",
    "blocks": "blocks",
    "lost": "blocks",
    "degraded": "blocks",
    "gaps": "gaps",
    "jumps": "jumps",
    "daemon_cpu": "% of a core",
    "client_cpu": "% of a core",
    "others": "% of a core",
    "send_late_p99": "ms",
    "memory": "MiB",
    "memory_start": "MiB",
    "memory_middle": "MiB",
    "memory_growth": "MiB/h",
}


# Of the percentiles one is enough, and what is to be expected of latency is what was declared.
BETTER: Final[dict[str, Better]] = dict.fromkeys(
    ("declared", "late_p99", "load", "daemon_cpu", "memory", "degraded", "lost", "gaps", "jumps"), "lower"
)


def figures(result: Result) -> dict[str, Figure]:
    """What a stream came to; nothing where it was refused, and no latency where nothing came."""
    if result.refusal:
        return {}
    known = {
        "load": 100 * float(np.mean(result.loads or [0.0])),
        "load_max": 100 * max(result.loads or [0.0]),
        "blocks": result.heard,
        "lost": lost(result.sent, result.heard, result.misplaced),
        "degraded": result.degraded,
        "gaps": result.gaps,
        "jumps": result.jumps,
        "daemon_cpu": 100 * result.daemon_cpu,
        "client_cpu": 100 * result.client_cpu,
        "others": 100 * result.others,
        "send_late_p99": result.send_late_p99,
    }
    if result.plan:
        known |= {"hop": result.plan[1], "lookahead": result.plan[3]}
    measured = {name: float(value) for name, value in known.items()}
    return {**measured, **memory(result), **_latency(result)}


def _latency(result: Result) -> dict[str, Figure]:
    if not result.late:
        return {}
    p50, p95, p99, most = (float(v) for v in np.percentile(result.late, [50, 95, 99, 100]))
    declared = 1e3 * result.declared
    return {
        "declared": declared,
        "latency_p50": declared + p50,
        "latency_p95": declared + p95,
        "latency_p99": declared + p99,
        "latency_max": declared + most,
        "late_p99": p99,
        "late_max": most,
        "late": np.asarray(result.late),
    }


def memory(result: Result) -> dict[str, float]:
    """Resident memory at the end; at the start, in the middle, and its growth, where it was watched for a while."""
    seen = result.memory
    if not seen:
        return {}
    found = {"memory": seen[-1]}
    tenth = len(seen) // 10
    if tenth < 2:
        return found
    # What is allocated in the first half may be allocated once: buffers fill, networks warm up, listeners come.
    half = seen[len(seen) // 2 :]
    slope = float(np.polyfit(np.arange(len(half)) * 0.5 / 3600, half, 1)[0])
    return found | {"memory_start": seen[tenth], "memory_middle": seen[len(seen) // 2], "memory_growth": slope}
