"""Writes the table of metrics into docs/monitoring.md anew: `python -m tests.service.seeing.make_table`."""

import re
from pathlib import Path

from stemd.service.seeing.catalogue import METRICS

PAGE = Path(__file__).parents[3] / "docs" / "monitoring.md"
_BETWEEN = re.compile(r"(<!-- metrics -->\n).*?(<!-- end of metrics -->)", re.DOTALL)


def table() -> str:
    """The metrics of the catalogue as Markdown."""
    rows = ["| metric | kind | labels | what it says |", "| --- | --- | --- | --- |"]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.words} |")
    return "\n".join(rows) + "\n"


def page_with(text: str) -> str:
    """A page with the table in its place."""
    return _BETWEEN.sub(lambda match: match[1] + table() + match[2], text)


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text("utf-8")), "utf-8")
