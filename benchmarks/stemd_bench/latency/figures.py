"""From what was heard to the figures of a report."""

from typing import Final

import numpy as np

from stemd_bench.latency.blocks import STAGES, compute, latency, lateness, separated, stage
from stemd_bench.latency.measuring import Heard
from stemd_bench.results import Better, Float64Array

UNITS: Final[dict[str, str]] = {
    "declared": "ms",
    "latency": "ms",
    "late": "ms",
    "latency_mean": "ms",
    "late_p99": "ms",
    **{quantity: "ms" for name in STAGES for quantity in (name, f"{name}_mean", f"{name}_slowest")},
    "load_clean": "%",
    "load_degrading": "%",
    "hop": "ms",
    "load": "%",
    "blocks": "blocks",
    "degraded": "blocks",
    "lost": "blocks",
    "daemon_cpu": "% of a core",
    "client_cpu": "% of a core",
    "others": "% of a core",
    "send_late_p99": "ms",
}
BETTER: Final[dict[str, Better]] = {
    **dict.fromkeys(("declared", "latency_mean", "late_p99", "load", "degraded", "lost"), "lower"),
    # Not of buffering and pacing: one is the plan's, the other what was left.
    **{f"{name}_mean": "lower" for name in STAGES if name not in ("buffering", "pacing")},
    **dict.fromkeys(("load_clean", "load_degrading"), "higher"),
}


def figures(heard: Heard) -> dict[str, float | Float64Array]:
    """What a case came to; times are of the blocks with a network's estimate in them."""
    result, blocks = heard.result, separated(heard.blocks)
    counts: dict[str, float | Float64Array] = {
        "blocks": result.heard,
        "degraded": result.degraded,
        "lost": result.lost,
        "hop": 1e3 * float(np.mean(result.hops)),
        "daemon_cpu": 100 * result.daemon_cpu,
        "client_cpu": 100 * result.client_cpu,
        "others": 100 * result.others,
        "send_late_p99": result.send_late_p99,
    }
    if not blocks.size:
        return counts
    times = latency(blocks)
    slowest = times >= np.percentile(times, 99)
    stages = {name: stage(blocks, name) for name in STAGES}
    return {
        **counts,
        **stages,
        **{f"{name}_mean": float(taken.mean()) for name, taken in stages.items()},
        **{f"{name}_slowest": float(taken[slowest].mean()) for name, taken in stages.items()},
        "declared": float(blocks["declared"].mean()) / 1e6,
        "latency": times,
        "latency_mean": float(times.mean()),
        "late": lateness(blocks),
        "late_p99": float(np.percentile(lateness(blocks), 99)),
        **_load(heard),
    }


def _load(heard: Heard) -> dict[str, float]:
    """Compute time of a hop over its duration, all streams together, in per cent; nothing where one has no estimate."""
    blocks, hops = separated(heard.blocks), heard.result.hops
    numbers = np.unique(blocks["stream"])  # ascending, as they were opened
    if len(numbers) < len(hops):
        return {}
    loads = [
        compute(blocks[blocks["stream"] == number]).mean() / (1e3 * hop)
        for number, hop in zip(numbers, hops, strict=True)
    ]
    return {"load": 100 * float(sum(loads))}
