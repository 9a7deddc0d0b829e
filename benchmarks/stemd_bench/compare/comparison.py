"""Two runs of a suite, compared."""

import math
from pathlib import Path
from typing import Final

import msgspec

from stemd.errors import ConfigError
from stemd_bench.compare.changes import Change, Thresholds, changes
from stemd_bench.compare.runs import cautions, notes
from stemd_bench.results import Report

_ORDER: Final = ("worse", "better", "differs", "slight", "unclear", "same")


class Run(msgspec.Struct, frozen=True):
    """Which file, and what it says of when and of what it is."""

    file: str
    date: str
    stemd: str
    command: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What `stemd bench compare --json` writes.

    Attributes:
        suite: of both.
        a: before.
        b: after.
        threshold_percent: what a change must exceed to count.
        threshold_decibels: likewise of what is in decibels.
        cautions: reasons not to trust the changes.
        notes: what is worth knowing besides.
        changes: of every quantity that both have, what matters first.
        judged: how many of them have a direction.
        too_few: how many of these have too few repeats for an interval.
        by_chance: how many of the rest would lie beyond their interval on the bad side, on average and at most, if
            nothing had changed. (To correct for that, as by Holm's method, would leave nothing to be found: five
            repeats against five give 0.008 at the least. What a single run finds is to be measured again.)
    """

    suite: str
    a: Run
    b: Run
    threshold_percent: float
    threshold_decibels: float
    cautions: tuple[str, ...]
    notes: tuple[str, ...]
    changes: tuple[Change, ...]
    judged: int
    too_few: int
    by_chance: float

    @property
    def worse(self) -> tuple[Change, ...]:
        """Those that got worse by more than noise and threshold."""
        return tuple(change for change in self.changes if change.verdict == "worse")


def compare(a: Report, b: Report, files: tuple[Path, Path], thresholds: Thresholds) -> Comparison:
    """From A to B.

    Raises:
        ConfigError: they are of two suites, or have nothing in common.
    """
    before, after = files
    if a.suite != b.suite:
        raise ConfigError(f"{before} is of the suite {a.suite} and {after} of {b.suite}; compare two runs of the same")
    found = sorted(changes(a, b, thresholds), key=_matters)
    if not found:
        raise ConfigError(f"{before} and {after} have no quantity in common; run the suite with the same options")
    judged = [change for change in found if change.better]
    return Comparison(
        suite=a.suite,
        a=_run(before, a),
        b=_run(after, b),
        threshold_percent=thresholds.percent,
        threshold_decibels=thresholds.decibels,
        cautions=tuple(cautions(a, b)),
        notes=tuple(notes(a, b)),
        changes=tuple(found),
        judged=len(judged),
        too_few=sum(change.confidence is None for change in judged),
        by_chance=sum((1 - change.confidence) / 2 for change in judged if change.confidence is not None),
    )


def _run(file: Path, report: Report) -> Run:
    return Run(str(file), report.machine.date, report.machine.stemd, report.command)


def _matters(change: Change) -> tuple[int, bool, float]:
    """To sort by: the verdict, then what is judged, then how far the values lie apart for what they are."""
    far = abs(change.change) if change.percent else math.inf
    return _ORDER.index(change.verdict), change.better is None, -far
