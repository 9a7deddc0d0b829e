"""What happened in each phase, for people."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.cluster import laws
from tests.cluster.story import Account, Phase

_COLUMNS: Final = ("s", "blocks", "degraded", "late p50", "p99", "failed", "fell", "back")


def show(account: Account, title: str, sites: Iterable[str]) -> None:
    """Print a row for each phase."""
    table = Table(title=title, caption=_CAPTION, title_justify="left", caption_justify="left")
    table.add_column("while")
    for column in (*_COLUMNS, *(f"ran at {site}" for site in sites)):
        table.add_column(column, justify="right")
    known = list(account.phases[0].before.ran)
    for phase in account.phases:
        table.add_row(phase.step.words, *_figures(account, phase), *_ran(phase, known))
    Console(width=120).print(table)


_CAPTION: Final = (
    "blocks of realtime streams, those of the networks' stems; late: milliseconds after the declared latency; failed: "
    "segments that no server ran; fell, back: endpoints; ran at: segments, by the server's own count (-: not reached)"
)


def _figures(account: Account, phase: Phase) -> Iterator[str]:
    due = [played for played in account.played if played.part.timing == "realtime"]
    found = [(played, block) for played in due for block in laws.within(played, phase)]
    late = [laws.late(played, block) / 1e6 for played, block in found] or [0.0]
    before, after = phase.before, phase.after
    yield f"{(after.at_ns - before.at_ns) / 1e9:.1f}"
    yield str(len(found))
    yield str(sum(laws.is_degraded(block) for _, block in found))
    yield from (f"{np.percentile(late, share):.1f}" for share in (50, 99))
    yield str(after.failures - before.failures)
    yield str(after.falls - before.falls)
    yield str(after.returns - before.returns)


def _ran(phase: Phase, known: list[int | None]) -> Iterator[str]:
    """Since it was known last, which is noted; one that was started again counts from 0."""
    for site, after in enumerate(phase.after.ran):
        before, known[site] = known[site], known[site] if after is None else after
        if after is None:
            yield "-"
        else:
            yield str(after - before if before is not None and after >= before else after)
