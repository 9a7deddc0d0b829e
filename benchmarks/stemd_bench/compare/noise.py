"""How far two sets of repeats lie apart, and within what limits: nothing is assumed of how they are distributed.

The estimate is that of Hodges and Lehmann, the median of the differences of all pairs of a value of either; its
interval, between two of these differences, follows from the distribution of the Mann-Whitney statistic. See
M. Hollander, D. A. Wolfe, E. Chicken, "Nonparametric Statistical Methods", 3rd ed., 2014, sections 4.2 and 4.3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final

import numpy as np

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Shift:
    """How much more the one has than the other.

    Attributes:
        estimate: the median of the differences of all pairs.
        low: lower end of the interval, or the least difference where there is no confidence.
        high: upper end, or the greatest difference.
        confidence: that the interval holds the shift, 0.95 or a little more; 1 where neither has any noise; None where
            there are too few repeats to say so.
    """

    estimate: float
    low: float
    high: float
    confidence: float | None


def shift(a: Sequence[float], b: Sequence[float]) -> Shift:
    """From `a` to `b`, of one value or more each."""
    differences = np.sort(np.subtract.outer(b, a), axis=None)
    estimate = float(np.median(differences))
    if min(len(a), len(b)) > 1 and differences[0] == differences[-1]:
        return Shift(estimate, estimate, estimate, 1.0)
    rank, confidence = _interval(len(a), len(b))
    outside = max(rank, 1)  # where there is no interval, the range
    return Shift(estimate, float(differences[outside - 1]), float(differences[-outside]), confidence)


def chance_of_order(a: int, b: int) -> float:
    """How probable it is that, of so many values alike, all of the one lie above all of the other."""
    return 1 / math.comb(a + b, a)


@lru_cache
def _interval(a: int, b: int) -> tuple[int, float | None]:
    """Which of the sorted differences, from either end, bound the interval, from 1; and its confidence."""
    most = (1 - CONFIDENCE) / 2
    below = [ways / math.comb(a + b, a) for ways in accumulate(_ways(a, b))]
    rank = sum(chance <= most for chance in below)
    return rank, 1 - 2 * below[rank - 1] if rank else None


def _ways(a: int, b: int) -> list[int]:
    """In how many orders of `a` and `b` values u of their pairs are the wrong way round, u from 0 to a*b.

    These are the coefficients of the Gaussian binomial, the product of (1 - q^(a+i)) / (1 - q^i) over i = 1, ..., b.
    """
    ways = [1] + [0] * (a * b)
    for i in range(1, b + 1):
        for u in range(a * b, a + i - 1, -1):
            ways[u] -= ways[u - a - i]
        for u in range(i, a * b + 1):
            ways[u] += ways[u - i]
    return ways
