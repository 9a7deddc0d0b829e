"""The demo while it runs: a line for each stem that moves in a terminal, a plain line now and then elsewhere."""

import asyncio
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stemd_bench.demo.playing import Heard, Performance, Watch
from stemd_client.figures import bar

_FRAMES_EVERY: Final = 0.2  # seconds between pictures in a terminal; drawing takes time from listening
_LINES_EVERY: Final = 5.0  # seconds between plain lines
_CELLS: Final = 30
_NETWORK: Final = {"vocals": "{load:.0%}", "instrumental": "as vocals", "mix": "no network"}


def watcher(console: Console) -> Watch:
    """What shows a performance on this console until it is cancelled."""

    async def moving(show: Performance) -> None:
        with Live(console=console, auto_refresh=False, transient=False) as live:
            try:
                while True:
                    live.update(_picture(show), refresh=True)
                    await asyncio.sleep(_FRAMES_EVERY)
            finally:
                live.update(_picture(show), refresh=True)

    async def plain(show: Performance) -> None:
        while True:
            await asyncio.sleep(_LINES_EVERY)
            console.print(line(show), markup=False, highlight=False, soft_wrap=True)

    return moving if console.is_terminal else plain


def _picture(show: Performance) -> Table:
    table = Table(box=None, pad_edge=False, title=_clock(show), title_justify="left", title_style="")
    table.add_column("stem", min_width=12)
    table.add_column("level", min_width=_CELLS)
    table.add_column("dBFS", justify="right", min_width=6)
    table.add_column("latency", justify="right", min_width=9)
    table.add_column("load", justify="right", min_width=10)
    for heard in show.heard.values():
        table.add_row(heard.stem, _meter(heard.level), f"{heard.level:.1f}", _latency(heard), _load(show, heard.stem))
    return table


def line(show: Performance) -> str:
    """The same on one line, for logs."""
    stems = "   ".join(f"{h.stem} {h.level:6.1f} dBFS {_latency(h)}" for h in show.heard.values())
    return f"{_clock(show):>12}   {stems}   load {_load(show, 'vocals')}"


def _clock(show: Performance) -> str:
    return f"{show.position / show.piece.rate:.0f} of {show.piece.seconds:.0f} s"


def _latency(heard: Heard) -> str:
    return "-" if heard.latency is None else f"{1000 * heard.latency:.0f} ms"


def _load(show: Performance, stem: str) -> str:
    return _NETWORK[stem].format(load=show.loads[-1]) if show.loads else "-"


def _meter(level: float) -> Text:
    return Text.assemble(*bar(level, _CELLS))
