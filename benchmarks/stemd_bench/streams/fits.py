"""How a cost grows with what it is the cost of: by which order, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from stemd_bench.results import Float64Array

Order = Literal["flat", "linear", "slower than linear", "faster than linear", "unknown"]

_LEAST_POINTS: Final = 4  # different x; three of them fit the curve whatever they are
_CONFIDENCE: Final = 0.95
_FLAT: Final = 0.15  # of the mean: what a cost that is not known to grow may gain or lose over the whole range
_NOTHING: Final = 0.05  # the same of one that is
_SHARP: Final = 0.35  # half of the exponent's interval, above which no order is named
_STRAIGHT: Final = 0.15  # by which an exponent may differ from 1, and still be called linear
_GOOD: Final = 0.9  # R squared, below which no order is named


@dataclass(frozen=True, slots=True)
class Growth:
    """What is known of a cost y at x.

    Attributes:
        base: a of the line `y = a + b * x` (ordinary least squares).
        slope: b of it.
        slope_error: half the width of its 95 % interval (Student's t).
        r2: the share of y's variance that the line explains.
        exponent: p of `y = a + b * x**p` with a >= 0 and b > 0 (least squares of log y, that is of relative errors);
            nan where it could not be had.
        exponent_error: half the width of its 95 % interval.
        order: in words; unknown where the figures do not say.
    """

    base: float
    slope: float
    slope_error: float
    r2: float
    exponent: float
    exponent_error: float
    order: Order


def grow(x: Sequence[float], y: Sequence[float]) -> Growth | None:
    """Fit a cost to what it is the cost of; None where there are not even two different x.

    Args:
        x: positive, (n,).
        y: positive, (n,); the same x may have several.
    """
    from scipy import stats  # noqa: PLC0415 - takes a second

    if len(set(x)) < 2:
        return None
    found: Any = stats.linregress(x, y)
    t = float(stats.t.ppf((1 + _CONFIDENCE) / 2, max(1, len(x) - 2)))
    base, slope, slope_error, r2 = map(float, (found.intercept, found.slope, t * found.stderr, found.rvalue**2))
    if len(x) == 2:
        slope_error = math.inf
    if max(y) == min(y):  # there is no variance to be explained
        slope_error, r2 = 0.0, 1.0
    exponent, exponent_error, fit = _power(np.asarray(x, np.float64), np.asarray(y, np.float64))
    order = _order(x, y, slope, slope_error, exponent, exponent_error, fit)
    return Growth(base, slope, slope_error, r2, exponent, exponent_error, order)


def _order(
    x: Sequence[float],
    y: Sequence[float],
    slope: float,
    slope_error: float,
    exponent: float,
    exponent_error: float,
    r2: float,
) -> Order:
    if len(set(x)) < _LEAST_POINTS:
        return "unknown"
    change = (abs(slope) + slope_error) * (max(x) - min(x)) / float(np.mean(y))
    if change <= (_NOTHING if abs(slope) > slope_error else _FLAT):
        return "flat"
    # Written so that nan, too, is unknown.
    if not (slope > slope_error and exponent_error <= _SHARP and r2 >= _GOOD):
        return "unknown"
    if abs(exponent - 1) <= max(exponent_error, _STRAIGHT):
        return "linear"
    return "slower than linear" if exponent < 1 else "faster than linear"


def _power(x: Float64Array, y: Float64Array) -> tuple[float, float, float]:
    """Exponent, half of its interval, and R squared (of y) of `y = a + b * x**p`."""
    from scipy import optimize, stats  # noqa: PLC0415

    if len(x) <= 3 or min(x.min(), y.min()) <= 0:
        return math.nan, math.inf, 0.0

    def logarithm(at: Float64Array, a: float, b: float, p: float) -> Float64Array:
        return np.log(a + b * at**p)

    start = (0.5 * y.min(), 0.5 * y.max() / x.max(), 1.0)
    lowest, highest = 0.02, 5.0
    bounds = ((0.0, 1e-12, lowest), (y.max(), np.inf, highest))
    try:
        found, covariance = optimize.curve_fit(logarithm, x, np.log(y), start, bounds=bounds, max_nfev=5_000)
    except RuntimeError:  # it did not settle
        return math.nan, math.inf, 0.0
    if not lowest < round(float(found[2]), 3) < highest:  # as steep as it may be is not how steep it is
        return math.nan, math.inf, 0.0
    t = float(stats.t.ppf((1 + _CONFIDENCE) / 2, len(x) - 3))
    left = np.square(y - np.exp(logarithm(x, *found))).sum() / max(np.square(y - y.mean()).sum(), 1e-30)
    return float(found[2]), t * math.sqrt(float(covariance[2, 2])), 1 - float(left)
