"""What a suite of benchmarks is, and how it is run: all cases in turn, then again, so that drift hits each alike."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from stemd_bench.results import Conclusion, Measure, Parameter, Report, Skipped, Variant


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One thing to measure: each call of `run` gives one value for each quantity of the suite that it has."""

    name: str
    parameters: Mapping[str, Parameter]
    run: Callable[[], Mapping[str, float]]


class Suite(Protocol):
    """Cases that belong together.

    Attributes:
        name: as on the command line.
        repeats: how often each case is run.
        method: sentences on how it is measured, for the report.
        units: of each quantity.
        headings: for each table on the screen, of the quantities shown there: medians, or of `quantity:high` the
            highest value, of `quantity:low` the lowest, of `quantity:quartiles` both quartiles.
        skipped: what is left out, and why; complete once `prepared` is entered.
    """

    name: str
    repeats: int
    method: tuple[str, ...]
    units: Mapping[str, str]
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

    def draw(self, report: Report) -> None:  # noqa: ARG002 - not needed here
        """Write what was asked for beside the report; by default nothing."""
        return

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """What the figures say about the aims."""
        ...


def run(suite: Suite, progress: Callable[[str], None]) -> tuple[Variant, ...]:
    """Run every case `repeats` times, interleaved; `progress` is told each case's name before it runs."""
    cases = suite.cases
    taken: list[dict[str, list[float]]] = [{} for _ in cases]
    for repeat in range(suite.repeats):
        order = range(len(cases))
        # Back and forth, so that no case always follows the same one.
        for index in order if repeat % 2 == 0 else reversed(order):
            progress(cases[index].name)
            for quantity, value in cases[index].run().items():
                taken[index].setdefault(quantity, []).append(value)
    return tuple(
        Variant(case.name, dict(case.parameters), {q: Measure.of(v, suite.units[q]) for q, v in values.items()})
        for case, values in zip(cases, taken, strict=True)
    )
