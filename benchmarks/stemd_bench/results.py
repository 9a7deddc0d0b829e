"""What a benchmark gives, typed: `schema.json` beside this file says the same for readers in other languages."""

import statistics
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from stemd_bench.machine import Machine

SCHEMA_VERSION: Final = 2  # 1 had no distributions, commands and directions; such files are still read

Parameter = str | int | float
Better = Literal["lower", "higher"]
Float64Array = npt.NDArray[np.float64]

_BINS: Final = 60
_MOST: Final = 240  # values of a series: more cannot be told apart in a plot


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One quantity over all repeats: `values` in the order in which they were taken, and their spread.

    `better` says which way is progress; a quantity without it is shown and never judged.
    """

    unit: str
    median: float
    low: float
    high: float
    values: Annotated[tuple[float, ...], msgspec.Meta(min_length=1)]
    better: Better | None = None

    @classmethod
    def of(cls, values: Sequence[float], unit: str, better: Better | None = None) -> "Measure":
        """The spread of one value or more."""
        taken = tuple(float(value) for value in values)
        return cls(unit, statistics.median(taken), min(taken), max(taken), taken, better)

    def mean(self) -> float:
        """Of the values: unlike medians, means of parts add up to that of the whole."""
        return statistics.fmean(self.values)

    def quartiles(self) -> tuple[float, float]:
        """Between them lies the middle half of the values (linear between neighbours)."""
        if len(self.values) == 1:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high


class Distribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A quantity that each repeat gives many values of (the latency of each block, say), all repeats together.

    Attributes:
        count: of values.
        low: the least; `p50`, `p95`, `p99` are percentiles, `high` is the largest.
        edges: of the histogram's bins, ascending, one more than there are bins. Those between the 0.1 and 99.9
            percentiles are equally wide; what lies outside is in the first and the last.
        counts: of values in each bin, its right edge excluded but for the last bin's.
    """

    unit: str
    count: Annotated[int, msgspec.Meta(ge=1)]
    low: float
    p50: float
    p95: float
    p99: float
    high: float
    edges: Annotated[tuple[float, ...], msgspec.Meta(min_length=2)]
    counts: Annotated[tuple[int, ...], msgspec.Meta(min_length=1)]

    @classmethod
    def of(cls, values: "Float64Array", unit: str) -> "Distribution":
        """Of one finite value or more, (n,)."""
        low, near, p50, p95, p99, far, high = np.percentile(values, [0, 0.1, 50, 95, 99, 99.9, 100]).tolist()
        edges = np.unique([low, *np.linspace(near, far, _BINS + 1), high])
        if len(edges) == 1:  # all values are one
            edges = np.array([low, np.nextafter(low, np.inf)])
        counts, _ = np.histogram(values, edges)
        return cls(
            unit=unit,
            count=len(values),
            low=low,
            p50=p50,
            p95=p95,
            p99=p99,
            high=high,
            edges=tuple(edges.tolist()),
            counts=tuple(counts.tolist()),
        )


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A quantity over the time of a run, in its last repeat: a value for each `every` seconds."""

    unit: str
    every: Annotated[float, msgspec.Meta(gt=0)]
    values: Annotated[tuple[float, ...], msgspec.Meta(min_length=1)]

    @classmethod
    def of(cls, values: "Float64Array", every: float, unit: str, percentile: float = 100.0, least: int = 1) -> "Series":
        """At most 240 values, each a percentile of neighbours.

        Args:
            values: one or more, (n,).
            every: seconds from one to the next.
            unit: of them.
            percentile: which; by default the highest.
            least: how many neighbours at least.
        """
        size = max(least, -(-len(values) // _MOST))
        parts = [values[at : at + size] for at in range(0, len(values), size)]
        return cls(unit, every * size, tuple(float(np.percentile(part, percentile)) for part in parts))


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case: what was varied, and what came of it."""

    name: str
    parameters: dict[str, Parameter]
    measures: dict[str, Measure]
    distributions: dict[str, Distribution] = {}
    series: dict[str, Series] = {}


class Conclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the figures say about an aim: `met` by the medians, or None where it was not tried."""

    aim: str
    found: str
    met: bool | None


class Skipped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was left out, and why."""

    name: str
    reason: str


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A run of a suite on a machine, and the `command` that gives it.

    `headings` are those of its tables, as `Suite.headings` has them: what shows a report needs no suite.
    """

    schema_version: Annotated[int, msgspec.Meta(ge=1)] = SCHEMA_VERSION
    suite: str
    command: str = ""
    quick: bool
    repeats: Annotated[int, msgspec.Meta(ge=1)]
    machine: Machine
    method: tuple[str, ...]
    variants: tuple[Variant, ...]
    conclusions: tuple[Conclusion, ...]
    skipped: tuple[Skipped, ...] = ()
    remarks: tuple[str, ...] = ()
    headings: tuple[dict[str, str], ...] = ()
