"""Figures of papers and vendors: a table of its own, from `published.toml` beside this file."""

import tomllib
from importlib.resources import files
from typing import Final

import msgspec

from stemd_bench.pages.tables import Cell, Table, texts

WARNING: Final = (
    "Published by others, not measured here: other data sets, other machines, other ways of counting. "
    "Not comparable with the figures above."
)


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody published.

    Attributes:
        who: the network or program.
        what: what it is.
        latency: as they state it.
        quality: as they state it, with the measure.
        on: the data set or the machine.
        title: of the source.
        year: of the source.
        url: of the source.
        note: what to mind.
    """

    who: str
    what: str
    latency: str
    quality: str
    on: str
    title: str
    year: int
    url: str
    note: str


def figures() -> tuple[Figure, ...]:
    """All of them, in the file's order."""
    content = tomllib.loads(files(__package__).joinpath("published.toml").read_text("utf-8"))
    return msgspec.convert(content["figure"], tuple[Figure, ...])


def table() -> Table:
    """The table, marked as what it is."""
    rows = tuple(
        (
            *texts(f.who, f.what, f.latency),
            Cell(f.quality, f.on),
            Cell(f"{f.title}, {f.year}", link=f.url),
            Cell(f.note),
        )
        for f in figures()
    )
    columns = ("", "what", "latency, as stated", "quality, as stated", "source", "mind")
    return Table("What others have published, in their words.", columns, rows, numbers=False)
