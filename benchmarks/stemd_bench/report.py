"""A report on the screen, and as JSON."""

from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from stemd_bench.results import Measure, Report


def as_json(report: Report) -> str:
    """The report as `schema.json` describes it."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


def show(report: Report, headings: Sequence[Mapping[str, str]], console: Console) -> None:
    """Print the tables, what it means, and how and where it was measured."""
    for table in headings:
        console.print(_table(report, table), markup=False)
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
    shown = {q: h for q, h in headings.items() if any(q.partition(":")[0] in v.measures for v in report.variants)}
    for heading in shown.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for variant in report.variants:
        cells = [_cell(variant.measures, quantity) for quantity in shown]
        if any(cells):
            table.add_row(variant.name, *cells)
    return table


def _cell(measures: Mapping[str, Measure], quantity: str) -> str:
    """The median; of `quantity:high` the highest of the repeats, and so on: see Suite."""
    name, _, end = quantity.partition(":")
    measure = measures.get(name)
    if measure is None:
        return ""
    if end == "quartiles":
        return "-".join(map(_number, measure.quartiles()))
    return _number({"high": measure.high, "low": measure.low}.get(end, measure.median))


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if abs(value) < 0.1:
        return f"{value:.3f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
