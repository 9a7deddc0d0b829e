"""Blocks with ways that never were, for the tests of `stemd bench latency`."""

import msgspec
import numpy as np

from stemd_bench.latency.blocks import BLOCK, WAY, Blocks
from stemd_bench.latency.measuring import Heard
from stemd_bench.latency.task import Result

POINTS = ("capture", *WAY, "received")
MS = 1_000_000


def blocks(count: int = 200, seed: int = 0, *, late_ms: float = 0.0) -> Blocks:
    """Blocks whose ways are as random as they can be, each point after the one before."""
    random = np.random.default_rng(seed)
    made = np.zeros(count, BLOCK)
    made["position"] = 256 * np.arange(count)
    times = np.cumsum(random.integers(0, 30 * MS, (count, len(POINTS))), axis=1) + 10**12
    for n, point in enumerate(POINTS):
        made[point] = times[:, n]
    made["declared"] = times[:, -1] - times[:, 0] - round(late_ms * MS)
    return made


def degrade(made: Blocks, which: slice) -> Blocks:
    made["degraded"][which] = 1
    for point in WAY:
        made[point][which] = 0
    return made


def heard(made: Blocks, **changes: object) -> Heard:
    counts = {"sent": len(made), "heard": len(made), "degraded": int(made["degraded"].sum())}
    return Heard(msgspec.convert({"opened": 1, "hops": [0.1], **counts, **changes}, Result), made)
