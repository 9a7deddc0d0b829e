"""What all plots have in common: size, type, colours, and how they become SVG."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stemd.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH: Final = 5.2  # inches: at this width the type below is readable on a phone, and on paper
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#000000")
"""Okabe and Ito's, which most colour-blind people can tell apart; grey for what is beside the point."""
_STYLE: Final[Any] = {
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "legend.fontsize": 10,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    # The same figures give the same file, and type needs no font where it is read.
    "svg.hashsalt": "stemd",
    "svg.fonttype": "path",
}


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of a report.

    Attributes:
        name: for its file, `[a-z0-9-]+`.
        title: in a few words.
        caption: what is seen, and what to take from it, in a sentence or two; it also stands in for the picture where
            that cannot be seen.
        svg: the picture.
    """

    name: str
    title: str
    caption: str
    svg: str


@contextmanager
def styled() -> Iterator[None]:
    """What is drawn inside has the common style: each suite's `plots` is decorated with it."""
    from matplotlib import rc_context  # noqa: PLC0415 - takes half a second

    with rc_context(_STYLE):
        yield


def sheet(height: float, rows: int = 1, columns: int = 1, **options: Any) -> "tuple[Figure, Any]":
    """An empty figure of the common width and its axes, inside of `styled`; `options` are those of `Figure.subplots`.

    Args:
        height: inches.
        rows: of axes.
        columns: of axes.
        options: see there.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(WIDTH, height))
    return figure, figure.subplots(rows, columns, **options)


def plot(name: str, title: str, caption: str, figure: "Figure") -> Plot:
    """The figure as a plot, inside of `styled`."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return Plot(name, title, caption, text.getvalue())


def save(plots: Iterable[Plot], folder: Path) -> list[Path]:
    """Write plots as `NAME.svg` into a folder, which is made if it is not there.

    Raises:
        ConfigError: it cannot be written.
    """
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for drawn in plots:
            path = folder / f"{drawn.name}.svg"
            path.write_text(drawn.svg, "utf-8")
            paths.append(path)
    except OSError as exc:
        raise ConfigError(f"{folder}: plots cannot be written there ({exc.strerror}); name another folder") from exc
    return paths
