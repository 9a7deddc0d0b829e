"""How late blocks were, as lines of text for the screen."""

from typing import Final

import numpy as np

from stemd_bench.results import Distribution

_LINES: Final = 12
_CELLS: Final = 40


def lines(late: Distribution) -> list[str]:
    """One line for each few bins, from the first value to the last."""
    parts = np.array_split(np.asarray(late.counts), min(_LINES, len(late.counts)))
    ends = np.cumsum([0, *map(len, parts)])
    sums = [int(part.sum()) for part in parts]
    told = []
    for left, right, count in zip(ends, ends[1:], sums, strict=False):
        bar = "#" * round(_CELLS * count / max(sums))
        told.append(f"{late.edges[left]:8.2f} to {late.edges[right]:7.2f} {late.unit} {count:7d} {bar}")
    return told
