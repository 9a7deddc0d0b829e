"""Tables of a report: from its variants and headings to cells of text, which HTML and Markdown share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

from stemd_bench.report import cell, number
from stemd_bench.results import Report, Variant


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a table.

    Attributes:
        text: the thing itself.
        aside: said in brackets after it.
        link: where it comes from, a URL.
        mark: a class for the page's style.
    """

    text: str
    aside: str = ""
    link: str = ""
    mark: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.aside})" if self.aside else self.text


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as there are columns; the first cell names its row.

    Attributes:
        caption: what it shows.
        columns: headings, units among them.
        rows: of cells.
        numbers: whether all but the first column are numbers.
        notes: sentences below it.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: bool = True
    notes: tuple[str, ...] = ()


def texts(*words: str) -> tuple[Cell, ...]:
    """Cells of these words."""
    return tuple(map(Cell, words))


def of_report(report: Report) -> tuple[Table, ...]:
    """Its tables: those of its headings, and one of the variants that have figures but are in none of these."""
    tables, shown = [], set()
    for headings in report.headings:
        rows = [variant for variant in report.variants if any(cell(variant, quantity) for quantity in headings)]
        if rows:
            shown |= {variant.name for variant in rows}
            tables.append((rows, headings))
    rest = [v for v in report.variants if v.name not in shown and (v.measures or v.distributions)]
    if rest:
        tables.append((rest, _every_quantity(rest)))
    count = len(tables)
    return tuple(
        excerpt(rows, headings, _caption(report, place, count, headings))
        for place, (rows, headings) in enumerate(tables, 1)
    )


def excerpt(variants: Sequence[Variant], headings: Mapping[str, str], caption: str) -> Table:
    """A table of some quantities of some variants; columns that nobody fills are left out.

    Args:
        variants: the rows.
        headings: of quantities, as `Suite.headings` has them: of two lines the first is that of the group of columns,
            and an empty one repeats the last.
        caption: see Table.
    """
    words = _words(headings)
    filled = [any(cell(variant, quantity) for variant in variants) for quantity in headings]
    columns = (_with_unit(words[quantity], _unit(variants, quantity)) for quantity in headings)
    rows = tuple(
        (Cell(variant.name), *compress((_cell(variant, quantity, headings) for quantity in headings), filled))
        for variant in variants
    )
    return Table(caption, ("", *compress(columns, filled)), rows)


def without_figures(report: Report) -> tuple[str, ...]:
    """The names of variants that nothing was measured of, and of which the report does not say why."""
    told = {skipped.name for skipped in report.skipped}
    return tuple(v.name for v in report.variants if not (v.measures or v.distributions or v.name in told))


def _caption(report: Report, place: int, count: int, headings: Mapping[str, str]) -> str:
    which = f"{report.suite}, table {place} of {count}" if count > 1 else report.suite
    if report.repeats == 1:
        return f"{which}: one run."
    if all(quantity.endswith(":mean") for quantity in headings):
        return f"{which}: means of {report.repeats} repeats."
    return f"{which}: medians of {report.repeats} repeats; in brackets the lowest and the highest."


def _every_quantity(variants: Sequence[Variant]) -> dict[str, str]:
    """Each by its name in the JSON."""
    names = [name for variant in variants for name in (*variant.measures, *variant.distributions)]
    return {name: name.replace("_", " ") for name in dict.fromkeys(names)}


def _cell(variant: Variant, quantity: str, headings: Mapping[str, str]) -> Cell:
    """The figure, and its range where the table does not have that as columns of its own."""
    text, measure = cell(variant, quantity), variant.measures.get(quantity)
    told = any(f"{quantity}:{end}" in headings for end in ("low", "high", "quartiles"))
    if measure is None or told:
        return Cell(text)
    low, high = number(measure.low), number(measure.high)
    return Cell(text, "" if low == high else f"{low} to {high}")


def _words(headings: Mapping[str, str]) -> dict[str, str]:
    found, group = {}, ""
    for quantity, heading in headings.items():
        first, newline, second = heading.partition("\n")
        group = first or group
        # The last is of one line where the group is a quantity itself: `blocks`, then `blocks degraded`.
        found[quantity] = f"{group} {second}".strip() if newline else first
    return found


def _unit(variants: Sequence[Variant], quantity: str) -> str:
    name = quantity.partition(":")[0]
    for variant in variants:
        if found := variant.distributions.get(name) or variant.measures.get(name):
            return found.unit
    return ""


def _with_unit(words: str, unit: str) -> str:
    spoken = {"s": "seconds"}.get(unit, unit)
    said = f" {words.replace(',', '')} "
    return words if not unit or f" {unit} " in said or f" {spoken} " in said else f"{words} ({unit})"
