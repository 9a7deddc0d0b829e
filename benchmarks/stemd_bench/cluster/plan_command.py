"""`stemd bench plan FILE`: what more streams would need, reckoned from what `stemd bench cluster` measured."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stemd.errors import ConfigError
from stemd_bench.cluster.costs import costs
from stemd_bench.cluster.planning import Costs, Limits, Need, need
from stemd_bench.reading import read
from stemd_bench.report import number
from stemd_bench.results import Report

_HEADINGS = (
    *("streams", "daemons", "streams\neach", "servers\neach", "servers\nin all", "cores at\nwork", "Gbit/s\nin all"),
    "% not at\ntheir first",
    "what bounds\na daemon",
)


def run(options: argparse.Namespace) -> int:
    """Reckon and show."""
    file = Path(options.file)
    report = read(file)
    found = costs(report.variants)
    if not found:
        raise ConfigError(f"{file}: has no requests to a server; give what `stemd bench cluster --json` wrote")
    limits = _limits(options)
    console = Console(width=None if sys.stdout.isatty() else 140)
    for cost in found:
        _show(cost, _streams(options.streams), limits, console)
    for sentence in _said(report, file, limits):
        console.print(sentence, markup=False, highlight=False)
    return 0


def _streams(words: str) -> tuple[int, ...]:
    if not all(word.isdecimal() and 0 < int(word) <= 10**7 for word in words.split(",")):
        raise ConfigError("--streams takes numbers from 1 to 10000000, with a comma between")
    return tuple(int(word) for word in words.split(","))


def _limits(options: argparse.Namespace) -> Limits:
    if not 1 <= options.server_cores <= 1_024:
        raise ConfigError("--server-cores takes 1 to 1024")
    if not 0 < options.link <= 10_000:
        raise ConfigError("--link takes more than 0, up to 10000 (Gbit/s)")
    if not 0 <= options.listeners <= 1_000:
        raise ConfigError("--listeners takes 0 to 1000")
    usual = Limits()
    link = usual.link * options.link / 10
    return Limits(server_cores=options.server_cores, link=link, listeners=options.listeners)


def _show(cost: Costs, counts: Sequence[int], limits: Limits, console: Console) -> None:
    about = (
        f"{cost.name}: back after {number(1e3 * cost.trip)} ms (p99), {number(1e3 * cost.compute)} of a server's core, "
        f"every {number(1e3 * cost.hop)} ms; "
        f"{number((cost.sent + cost.answered) * 8 / cost.hop / 1e6)} Mbit/s, "
        f"{number(100 * cost.daemon)} % of a core of the daemon"
    )
    table = Table(box=None, pad_edge=False)
    for heading in _HEADINGS[:-1]:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(_HEADINGS[-1])
    try:
        for count in counts:
            table.add_row(*_cells(need(count, cost, limits)))
    except ConfigError as exc:
        console.print(str(exc), markup=False, highlight=False)
    else:
        console.print(about, markup=False, highlight=False)
        console.print(table, markup=False)
    console.print()


def _cells(found: Need) -> tuple[str, ...]:
    whole = (found.streams, found.daemons, found.streams_each, found.servers_each, found.servers)
    return (
        *(f"{value:,}".replace(",", " ") for value in whole),
        number(found.busy),
        number(found.rate * 8 / 1e9),
        number(100 * found.elsewhere),
        found.limit,
    )


def _said(report: Report, file: Path, limits: Limits) -> tuple[str, ...]:
    machine = report.machine
    quick = ("It was a quick run, so its HT-Demucs is a narrow one that costs less.",) if report.quick else ()
    return (
        *quick,
        f"An extrapolation: nothing of this size was run. It rests on {file} ({machine.processor}, {machine.cores} "
        f"cores, {machine.date}), and on servers of {limits.server_cores} cores that are as quick as that machine's.",
        "One server of each daemon and one daemon of all may be missing. streams each: server.max_streams. Streams "
        f"find their daemon by a hash of their name; {limits.fill:.0%} of the places are taken, and who finds none "
        "goes to the next.",
        f"Used at most: {limits.use:.0%} of the servers' time, {limits.core:g} core by a daemon, "
        f"{limits.link * 8 / 1e9:.3g} Gbit/s each way, {limits.descriptors} open files; {limits.listeners} listeners "
        "to a stream.",
    )
