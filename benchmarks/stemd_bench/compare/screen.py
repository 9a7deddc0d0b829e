"""A comparison as a table and sentences."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stemd_bench.compare.changes import Change, Side, Verdict
from stemd_bench.compare.comparison import Comparison, Run
from stemd_bench.compare.noise import CONFIDENCE, chance_of_order
from stemd_bench.report import number

_STYLES: Final = {"worse": "bold red", "better": "green"}
_COUNTED: Final[dict[Verdict, str]] = {
    "worse": "worse",
    "better": "better",
    "differs": "changed, with no way that is progress",
    "slight": "changed by more than their noise and less than the threshold",
    "same": "within noise and threshold",
    "unclear": "not to be told: noise beyond the threshold, or too few repeats",
}


def show(comparison: Comparison, console: Console, *, everything: bool = False) -> None:
    """Cautions first; then what got worse, better or different, or `everything`; then what is behind it."""
    for letter, run in (("A", comparison.a), ("B", comparison.b)):
        _say(console, f"{letter}: {_told(run)}")
    for caution in comparison.cautions:
        console.print(caution, markup=False, highlight=False, style="bold")
    shown = [c for c in comparison.changes if everything or c.verdict in ("worse", "better", "differs")]
    if shown:
        console.print()
        console.print(_list(shown))
    console.print()
    for sentence in (*_summary(comparison), *comparison.notes):
        _say(console, sentence)
    if len(shown) < len(comparison.changes):
        _say(console, "--all shows every quantity.")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False)


def _told(run: Run) -> str:
    command = f", {run.command}" if run.command else ""
    return f"{run.file} ({run.date}, stemd {run.stemd}{command})"


def _list(shown: Sequence[Change]) -> Table:
    """Two lines each, not a row of many columns: it is to be read in a narrow terminal too."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for change in shown:
        name = f"{change.variant}: {change.quantity}"
        table.add_row(change.verdict, Text(f"{name}\n{_figures(change)}"), style=_STYLES.get(change.verdict))
    return table


def _figures(change: Change) -> str:
    by, low, high = (change.amount(value) for value in (change.change, change.low, change.high))
    return (
        f"{number(change.a.median)} -> {number(change.b.median)} {change.unit}: {by} "
        f"({low} to {high}, {_of(change.confidence)}; {change.a.repeats} v {change.b.repeats}); "
        f"spread {_spread(change.a)} and {_spread(change.b)}"
    )


def _of(confidence: float | None) -> str:
    """What lies between the two ends."""
    if confidence is None:
        return "all pairs"
    return "no noise" if confidence == 1 else f"{100 * confidence:.0f} % certain"


def _spread(side: Side) -> str:
    if side.repeats == 1:
        return "unknown"
    if not side.median:
        return number(side.high - side.low)
    return f"{100 * side.spread:.1f} %" if side.spread < 1 else f"{100 * side.spread:.0f} %"


def _summary(comparison: Comparison) -> list[str]:
    changes = comparison.changes
    counts = {verdict: sum(c.verdict == verdict for c in changes) for verdict in _COUNTED}
    told = [f"{len(changes)} quantities, {comparison.judged} of them judged. Threshold: {_threshold(comparison)}."]
    told += [f"{count} {_COUNTED[verdict]}." for verdict, count in counts.items() if count or verdict == "worse"]
    told += [
        "Of each: median of A -> of B: change, the median of all pairs of a repeat of A and one of B (its interval, at "
        f"least {100 * CONFIDENCE:.0f} % certain, or the range of all pairs; repeats); spread: range over median, of "
        "A and B. That is the noise within a run; from run to run there is more, which only a second run of A shows."
    ]
    certain = comparison.judged - comparison.too_few
    if comparison.by_chance:
        about = f"{comparison.by_chance:.1f} would lie beyond it on the bad side by chance alone"
        told.append(f"Of {certain} judged with an interval, at most {about}, on average.")
    return told + _by_few(comparison)


def _threshold(comparison: Comparison) -> str:
    return f"{comparison.threshold_percent:g} % of A, {comparison.threshold_decibels:g} dB of what is in dB"


def _by_few(comparison: Comparison) -> list[str]:
    """What is said to be worse on little ground."""
    if not comparison.too_few:
        return []
    told = [f"{comparison.too_few} judged have too few repeats to tell noise from change (4 v 4 are enough)"]
    few = [c for c in comparison.worse if c.confidence is None]
    if few:
        chance = max(chance_of_order(c.a.repeats, c.b.repeats) for c in few)
        told.append(
            f"{len(few)} of the worse are among them: every pair is worse by more than the threshold, "
            f"which noise of that size does in up to 1 of {1 / chance:.0f} cases"
        )
    return ["; ".join(told) + "."]
