"""A table in as many characters as there are: what matters least is left out first."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from stemd_client.figures import cut


@dataclass(frozen=True, slots=True)
class Column:
    """A title and a cell for every row.

    Attributes:
        title: one word.
        cells: what stands below it.
        right: whether they are aligned to the right.
        spare: 0: always shown; the highest is the first to be left out.
        most: characters of a cell, beyond which it is cut.
    """

    title: str
    cells: Sequence[str]
    right: bool = True
    spare: int = 0
    most: int = 24

    @property
    def width(self) -> int:
        """Characters that it needs."""
        return max(len(self.title), *(min(len(cell), self.most) for cell in self.cells), 0)

    def shown(self, text: str) -> str:
        """A cell in the column's width."""
        text = cut(text, self.width)
        return text.rjust(self.width) if self.right else text.ljust(self.width)


def fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit into `width` characters, a space between any two."""
    left = list(columns)
    while len(left) - 1 + sum(column.width for column in left) > width:
        spare = max(left, key=lambda column: column.spare)
        if not spare.spare:
            break
        left.remove(spare)
    return left


def table(columns: Sequence[Column], width: int, marked: int | None = None) -> list[Text]:
    """Lines: the titles, then the rows, each behind `> ` where it is the marked one, and two spaces elsewhere."""
    shown = fitting(columns, width - 2)
    lines = [Text("  " + " ".join(column.shown(column.title) for column in shown), "dim")]
    for row in range(len(shown[0].cells) if shown else 0):
        text = " ".join(column.shown(column.cells[row]) for column in shown)
        lines.append(Text(f"> {text}", "bold reverse") if row == marked else Text(f"  {text}"))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines
