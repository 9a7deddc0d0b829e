"""What a benchmark gives, typed: `schema.json` beside this file says the same for readers in other languages."""

import statistics
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from stemd_bench.machine import Machine

SCHEMA_VERSION: Final = 1

Parameter = str | int | float


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One quantity over all repeats: `values` in the order in which they were taken, and their spread."""

    unit: str
    median: float
    low: float
    high: float
    values: Annotated[tuple[float, ...], msgspec.Meta(min_length=1)]

    @classmethod
    def of(cls, values: Sequence[float], unit: str) -> "Measure":
        """The spread of one value or more."""
        taken = tuple(float(value) for value in values)
        return cls(unit, statistics.median(taken), min(taken), max(taken), taken)

    def quartiles(self) -> tuple[float, float]:
        """Between them lies the middle half of the values (linear between neighbours)."""
        if len(self.values) == 1:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case: what was varied, and what came of it."""

    name: str
    parameters: dict[str, Parameter]
    measures: dict[str, Measure]


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
    """A run of a suite on a machine."""

    schema_version: Annotated[int, msgspec.Meta(ge=1)] = SCHEMA_VERSION
    suite: str
    quick: bool
    repeats: Annotated[int, msgspec.Meta(ge=1)]
    machine: Machine
    method: tuple[str, ...]
    variants: tuple[Variant, ...]
    conclusions: tuple[Conclusion, ...]
    skipped: tuple[Skipped, ...] = ()
    remarks: tuple[str, ...] = ()
