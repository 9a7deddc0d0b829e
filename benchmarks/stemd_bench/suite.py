"""What a suite of benchmarks is, and how it is run: all cases in turn, then again, so that drift hits each alike."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stemd_bench.plots import Plot
from stemd_bench.results import (
    Better,
    Conclusion,
    Distribution,
    Float64Array,
    Measure,
    Parameter,
    Report,
    Series,
    Skipped,
    Variant,
)

Figure = float | Float64Array | Series
Figures = Mapping[str, Figure]
"""What a case gives: a value of a quantity; an array (n,) of values, which becomes a distribution; or a series."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One thing to measure: each call of `run` gives figures for the quantities of the suite that it has.

    Values that are infinite or no number are left out: JSON has none of them.
    """

    name: str
    parameters: Mapping[str, Parameter]
    run: Callable[[], Figures]


class Suite(Protocol):
    """Cases that belong together.

    Attributes:
        name: as on the command line.
        repeats: how often each case is run.
        method: sentences on how it is measured, for the report.
        units: of each quantity.
        better: of quantities for which one way is progress, which: what `stemd bench compare` judges.
        headings: for each table on the screen, of the quantities shown there: medians, or of `quantity:high` the
            highest value, of `quantity:low` the lowest, of `quantity:mean` the mean, of `quantity:quartiles` both
            quartiles, and of distributions also `quantity:p50`, `quantity:p95` and `quantity:p99`.
        skipped: what is left out, and why; complete once `prepared` is entered.
    """

    name: str
    repeats: int
    method: tuple[str, ...]
    units: Mapping[str, str]
    better: Mapping[str, Better] = {}
    headings: Sequence[Mapping[str, str]]
    skipped: Sequence[Skipped] = ()

    def prepared(self, progress: Callable[[str], None]) -> AbstractContextManager[None]:  # noqa: ARG002 - not needed here
        """Inside, `cases` can be run; `progress` is told what is being made. By default nothing has to be."""
        return nullcontext()

    @property
    def cases(self) -> Sequence[Case]:
        """What to measure."""
        ...

    def derive(self, variants: Sequence[Variant]) -> tuple[Variant, ...]:
        """Add what follows from the measures of several cases; by default nothing."""
        return tuple(variants)

    def remarks(self, variants: Sequence[Variant]) -> tuple[str, ...]:  # noqa: ARG002 - not needed here
        """Sentences about the figures that no aim covers; by default none."""
        return ()

    def plots(self, report: Report) -> Sequence[Plot]:  # noqa: ARG002 - not needed here
        """What one would rather look at than read, drawn from the report alone; by default nothing."""
        return ()

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """What the figures say about the aims."""
        ...


def run(suite: Suite, progress: Callable[[str], None]) -> tuple[Variant, ...]:
    """Run every case `repeats` times, interleaved; `progress` is told each case's name before it runs."""
    cases = suite.cases
    taken: list[dict[str, list[Figure]]] = [{} for _ in cases]
    for repeat in range(suite.repeats):
        order = range(len(cases))
        # Back and forth, so that no case always follows the same one.
        for index in order if repeat % 2 == 0 else reversed(order):
            progress(cases[index].name)
            for quantity, value in cases[index].run().items():
                taken[index].setdefault(quantity, []).append(value)
    return tuple(_variant(suite, case, values) for case, values in zip(cases, taken, strict=True))


def _variant(suite: Suite, case: Case, taken: Mapping[str, Sequence[Figure]]) -> Variant:
    made = Variant(case.name, dict(case.parameters), {}, {}, {})
    for quantity, values in taken.items():
        unit = suite.units[quantity]
        last = values[-1]
        if isinstance(last, Series):
            made.series[quantity] = last
        elif arrays := [value for value in values if isinstance(value, np.ndarray)]:
            if (joined := np.concatenate(arrays)).size:
                made.distributions[quantity] = Distribution.of(joined, unit)
        else:
            single = [float(value) for value in values if not isinstance(value, Series)]
            if finite := [value for value in single if math.isfinite(value)]:
                made.measures[quantity] = Measure.of(finite, unit, suite.better.get(quantity))
    return made
