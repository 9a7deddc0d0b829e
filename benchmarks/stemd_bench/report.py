"""A report on the screen, and as JSON."""

from collections.abc import Mapping, Sequence
from itertools import compress

import msgspec
from rich.console import Console
from rich.table import Table

from stemd_bench.results import Report, Variant


def as_json(report: Report) -> str:
    """The report as `schema.json` describes it."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


def show(report: Report, headings: Sequence[Mapping[str, str]], console: Console) -> None:
    """Print the tables, what it means, and how and where it was measured."""
    for table in (_table(report, each) for each in headings):
        if table.row_count:
            console.print(table, markup=False)
            console.print()
    for conclusion in report.conclusions:
        verdict = {True: "met", False: "NOT MET", None: "not tried"}[conclusion.met]
        _say(console, f"{conclusion.aim}: {verdict} ({conclusion.found})")
    for remark in report.remarks:
        _say(console, remark)
    for skipped in report.skipped:
        _say(console, f"{skipped.name}: left out ({skipped.reason})")
    console.print()
    machine = report.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    for sentence in report.method:
        _say(console, sentence)
    _say(console, f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:g} GiB; {machine.system}")
    _say(console, f"stemd {machine.stemd}, {machine.python}, {packages}; {machine.date}")
    if machine.others > 0.05:
        _say(console, f"Other processes used {machine.others:.0%} of the machine: trust ratios, not times.")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False)


def _table(report: Report, headings: Mapping[str, str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(report.suite, no_wrap=True)
    rows = [(variant.name, [cell(variant, quantity) for quantity in headings]) for variant in report.variants]
    shown = [any(column) for column in zip(*(cells for _, cells in rows), strict=True)] or [False] * len(headings)
    for heading in compress(headings.values(), shown):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, cells in rows:
        if any(cells):
            table.add_row(name, *compress(cells, shown))
    return table


def cell(variant: Variant, quantity: str) -> str:
    """The median; of `quantity:high` the highest value, and so on: see `Suite.headings`. Empty where there is none."""
    name, _, end = quantity.partition(":")
    if distribution := variant.distributions.get(name):
        return number(getattr(distribution, end or "p50"))
    measure = variant.measures.get(name)
    if measure is None:
        return ""
    if end == "quartiles":
        return "-".join(map(number, measure.quartiles()))
    if end == "mean":
        return number(measure.mean())
    return number({"high": measure.high, "low": measure.low}.get(end, measure.median))


def number(value: float) -> str:
    """Three figures or so; whole numbers as they are."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if abs(value) < 0.1:
        return f"{value:.3f}" if abs(value) >= 0.001 else f"{value:.1g}"
    if abs(value) < 10:
        return f"{value:.2f}"
    return f"{value:.1f}".removesuffix(".0") if abs(value) < 100 else f"{value:.0f}"
