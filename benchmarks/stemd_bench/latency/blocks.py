"""What is written down of each block that was heard, and the stages that its latency is made of."""

from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stemd_bench.results import Float64Array

WAY: Final = ("arrived", "submitted", "begun", "network_begun", "network_ended", "ended", "ready", "left")
BLOCK: Final = np.dtype(
    [(name, np.int64) for name in ("stream", "position", "degraded", "declared", "capture", *WAY, "received")]
)
"""One block heard. Points in time are ns of CLOCK_MONOTONIC, `declared` is a latency in ns, `position` in frames; where
no network's estimate is in it (`degraded`), the points of its way are 0."""
Blocks: TypeAlias = npt.NDArray[np.void]  # (n,) of BLOCK

STAGES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "buffering": (("capture", "arrived"),),
    "stft": (("arrived", "submitted"), ("begun", "network_begun")),
    "queue": (("submitted", "begun"),),
    "network": (("network_begun", "network_ended"),),
    "inverse": (("network_ended", "ended"),),
    "overlap_add": (("ended", "ready"),),
    "pacing": (("ready", "left"),),
    "socket": (("left", "received"),),
}
"""Which stretches of a block's way each stage is; together they are all of it, each once."""


def latency(blocks: Blocks) -> Float64Array:
    """From the time base of each block's first frame to the receive call, in ms, (n,)."""
    return _ms(blocks["received"] - blocks["capture"])


def lateness(blocks: Blocks) -> Float64Array:
    """How much of that was more than what was declared, in ms, (n,); less than 0 where a block came early."""
    return _ms(blocks["received"] - blocks["capture"] - blocks["declared"])


def compute(blocks: Blocks) -> Float64Array:
    """What a worker took for the segment that each block waited for, in ms, (n,)."""
    return _ms(blocks["ended"] - blocks["begun"])


def stage(blocks: Blocks, name: str) -> Float64Array:
    """What a stage of the way took, in ms, (n,)."""
    return _ms(np.sum([blocks[end] - blocks[start] for start, end in STAGES[name]], axis=0))


def separated(blocks: Blocks) -> Blocks:
    """Those with a network's estimate in them: the only ones that have a way."""
    return blocks[blocks["arrived"] > 0]


def _ms(ns: npt.NDArray[np.int64]) -> Float64Array:
    return ns / 1e6
