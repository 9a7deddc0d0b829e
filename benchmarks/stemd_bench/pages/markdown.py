"""The same in Markdown: tables, and plots as files beside it."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from stemd_bench.pages import machines, published
from stemd_bench.pages.chapters import Chapter, Page
from stemd_bench.pages.tables import Cell, Table
from stemd_bench.results import Skipped

_CODE: Final = re.compile("`([^`]+)`")
_SPECIAL: Final = re.compile(r"([\\`*_\[\]|<>#~&$])")


def markdown(page: Page) -> str:
    """The page; each plot is `NAME.svg` in the same folder."""
    return "\n".join(_lines(page)) + "\n"


def table(shown: Table) -> list[str]:
    """Its caption, the table, in which every row has as many cells as there are columns, and its notes."""
    sides = ["---"] + ["---:" if shown.numbers else "---"] * (len(shown.columns) - 1)
    rows = [_row(map(escaped, shown.columns)), _row(sides), *(_row(map(_cell, row)) for row in shown.rows)]
    notes = [line for note in shown.notes for line in (escaped(note), "")]
    return [escaped(shown.caption), "", *rows, "", *notes]


def escaped(text: str) -> str:
    """Text in one line that Markdown and what stands behind it (HTML) leave as it is; `code` stays code."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(_code_in_table(part) if n % 2 else _SPECIAL.sub(r"\\\1", part) for n, part in enumerate(parts))


def _code_in_table(part: str) -> str:
    # Within a table a bar ends the cell even in code.
    return f"`{part}`".replace("|", r"\|")


def code(text: str) -> str:
    """A command, as it is."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    # A backtick at an end would be one of the fence's.
    apart = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{fence}{apart}{' '.join(text.split())}{apart}{fence}"


def _lines(page: Page) -> Iterator[str]:
    yield from ("# stemd, measured", "")
    for said in page.warnings:
        yield from (f"> **Mind:** {escaped(said)}", "")
    if page.facts:
        yield from ("## At a glance", "")
        yield from (f"- {escaped(f.about)}: **{escaped(f.value)}** {escaped(f.beside)}".rstrip() for f in page.facts)
        yield ""
    if page.verdicts:
        yield from ("## Verdicts", "", *table(page.verdicts))
    for chapter in page.chapters:
        yield from _chapter(chapter)
    yield from ("## Peers", "")
    for shown in page.peers:
        yield from table(shown)
    yield from ("## Published by others", "", f"> {published.WARNING}", "", *table(page.published))
    if page.left_out:
        yield from ("## Left out", "", *_left_out(page.left_out), "")
    yield from ("## Machines and commands", "", *table(page.machines), *table(page.runs)[:-1])


def _chapter(chapter: Chapter) -> Iterator[str]:
    report = chapter.report
    yield from (f"## {escaped(chapter.title)}", "")
    if chapter.about:
        yield from (escaped(chapter.about), "")
    for plot in chapter.plots:
        yield from (f"![{escaped(plot.title)}]({plot.name}.svg)", "", f"*{escaped(plot.caption)}*", "")
    for shown in chapter.tables:
        yield from table(shown)
    for text, in_columns in chapter.remarks:
        yield from (("```text", text, "```", "") if in_columns else (escaped(text), ""))
    absent = [*report.skipped, *(Skipped(name, "nothing was measured") for name in chapter.unmeasured)]
    if absent:
        yield from (*_left_out(absent), "")
    for sentence in report.method:
        yield from (escaped(sentence), "")
    if report.command:
        yield f"{code(report.command)}; {escaped(machines.in_words(report.machine))}"
        yield ""


def _left_out(skipped: Iterable[Skipped]) -> Iterator[str]:
    yield from (f"- {escaped(s.name)}: left out ({escaped(s.reason)})" for s in skipped)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    if cell.link:
        text = f"[{text}]({cell.link})"
    return f"{text} ({escaped(cell.aside)})" if cell.aside else text
