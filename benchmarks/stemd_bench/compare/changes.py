"""What changed in each quantity, and whether that is more than its noise."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from stemd_bench.compare.noise import Shift, shift
from stemd_bench.report import number
from stemd_bench.results import Better, Measure, Report, Variant

Verdict = Literal["worse", "better", "differs", "slight", "same", "unclear"]
DECIBELS: Final = "dB"
_PERCENTILES: Final = ("p50", "p95", "p99", "high")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a change must exceed to count: `percent` of the median, or `decibels` of what is in decibels."""

    percent: float = 10.0
    decibels: float = 0.1


class Side(msgspec.Struct, frozen=True):
    """A quantity in one of the runs: median and range of its repeats, and how many there are."""

    median: float
    low: float
    high: float
    repeats: int

    @property
    def spread(self) -> float:
        """The range as a share of the median; infinite where that is 0."""
        width = self.high - self.low
        return width / abs(self.median) if self.median else math.inf if width else 0.0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a quantity from run A to run B.

    Attributes:
        variant: where it was measured.
        quantity: its name; of a distribution with the percentile, as `quantity:p99`.
        unit: of both sides.
        better: which way is progress; a quantity without it is not judged.
        a: before.
        b: after.
        percent: whether the next three are in percent of A, or differences in the quantity's own unit.
        change: by how much B is more than A (Hodges-Lehmann).
        low: lower end of its interval, or of the range of all pairs where there is no confidence.
        high: upper end.
        confidence: see noise.Shift.
        verdict: `worse`, `better` (or `differs`, where neither way is progress): more than noise and threshold.
            `slight`: more than noise, less than the threshold. `same`: nothing that noise does not explain, and
            that noise is within the threshold. `unclear`: it is not, or there are too few repeats.
    """

    variant: str
    quantity: str
    unit: str
    better: Better | None
    a: Side
    b: Side
    percent: bool
    change: float
    low: float
    high: float
    confidence: float | None
    verdict: Verdict

    def amount(self, value: float) -> str:
        """A change of this quantity with its sign: in percent, or in the quantity's unit, which is not said."""
        if not self.percent:
            return f"{'+' if value > 0 else ''}{number(value)}"
        shown = round(value, 1 if abs(value) < 100 else None)
        return f"{shown:+} %" if shown else "0 %"


def changes(a: Report, b: Report, thresholds: Thresholds) -> Iterator[Change]:
    """Of each quantity that both have in the same unit."""
    others = {variant.name: variant for variant in b.variants}
    for variant in a.variants:
        if other := others.get(variant.name):
            before, after = quantities(variant), quantities(other)
            for name, measure in before.items():
                if name in after and after[name].unit == measure.unit:
                    yield change(variant.name, name, measure, after[name], thresholds)


def quantities(variant: Variant) -> Mapping[str, Measure]:
    """Its measures; of a distribution each percentile, as a single value, which is shown and never judged.

    Its values lie side by side in time: as repeats they would make the noise seem smaller than it is.
    """
    percentiles = {
        f"{name}:{percentile}": Measure.of([getattr(distribution, percentile)], distribution.unit)
        for name, distribution in variant.distributions.items()
        for percentile in _PERCENTILES
    }
    return {**variant.measures, **percentiles}


def change(variant: str, quantity: str, a: Measure, b: Measure, thresholds: Thresholds) -> Change:
    """Of one quantity; `better` is taken from where it stands, since old reports have none."""
    percent = a.unit != DECIBELS and min(a.low, b.low) > 0
    better = b.better or a.better
    found = _in_percent(a, b) if percent else shift(a.values, b.values)
    return Change(
        variant=variant,
        quantity=quantity,
        unit=a.unit,
        better=better,
        a=_side(a),
        b=_side(b),
        percent=percent,
        change=found.estimate,
        low=found.low,
        high=found.high,
        confidence=found.confidence,
        verdict=_verdict(found, _bar(a, thresholds, percent=percent), better),
    )


def _in_percent(a: Measure, b: Measure) -> Shift:
    """Of positive values: a shift of their logarithms is a ratio."""
    found = shift([math.log(value) for value in a.values], [math.log(value) for value in b.values])
    estimate, low, high = (100 * math.expm1(value) for value in (found.estimate, found.low, found.high))
    return Shift(estimate, low, high, found.confidence)


def _side(measure: Measure) -> Side:
    return Side(measure.median, measure.low, measure.high, len(measure.values))


def _bar(a: Measure, thresholds: Thresholds, *, percent: bool) -> float:
    """What the change must exceed, in its own unit; from a median of 0 every change is beyond it."""
    if percent:
        return thresholds.percent
    return thresholds.decibels if a.unit == DECIBELS else thresholds.percent / 100 * abs(a.median)


def _verdict(found: Shift, bar: float, better: Better | None) -> Verdict:
    # Without an interval only what holds for every pair counts: even the nearest two must be that far apart.
    beyond = bar if found.confidence is None else 0.0
    if -beyond <= found.high and found.low <= beyond:
        return "same" if max(-found.low, found.high) <= bar else "unclear"
    if abs(found.estimate) <= bar:
        return "slight"
    if better is None:
        return "unclear" if found.confidence is None else "differs"
    return "worse" if (found.estimate > 0) == (better == "lower") else "better"
