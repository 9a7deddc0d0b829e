"""`stemd bench SUITE`: runs a suite, shows a table, and writes JSON."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stemd.errors import ConfigError
from stemd_bench import suite as suites
from stemd_bench.machine import this_machine
from stemd_bench.overhead import Overhead
from stemd_bench.process import ends_tidily
from stemd_bench.report import as_json, show
from stemd_bench.results import Report
from stemd_bench.suite import Suite


def run(options: argparse.Namespace) -> int:
    """Measure; the table goes to stderr where the JSON goes to stdout."""
    target = None if options.json in (None, "-") else Path(options.json)
    if target:
        _check_writable(target)
    console = Console(stderr=options.json == "-", width=None if sys.stdout.isatty() else 140)
    suite = {"overhead": Overhead}[options.suite](quick=options.quick)
    with ends_tidily():
        report = measure(suite, Console(stderr=True), quick=options.quick)
    if options.json == "-":
        print(as_json(report), end="", flush=True)
    elif target:
        target.write_text(as_json(report), "utf-8")
    show(report, suite.headings, console)
    return 0


def measure(suite: Suite, console: Console, *, quick: bool) -> Report:
    """Run a suite, with a progress bar on this console."""
    machine = this_machine()
    total = suite.repeats * len(suite.cases)
    with Progress(
        TextColumn("{task.completed} of {task.total}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
        # Drawing takes time from what is measured.
        refresh_per_second=1,
        disable=not console.is_terminal,
    ) as bars:
        bar = bars.add_task("", total=total, completed=-1)

        def progress(name: str) -> None:
            bars.update(bar, advance=1, description=name)

        variants = suites.run(suite, progress)
    return Report(
        suite=suite.name,
        quick=quick,
        repeats=suite.repeats,
        machine=machine,
        method=suite.method,
        variants=variants,
        conclusions=suite.conclude(variants),
    )


def _check_writable(target: Path) -> None:
    """Find out before minutes of work, not after."""
    try:
        with target.open("a", encoding="utf-8"):
            pass
    except OSError as exc:
        raise ConfigError(f"{target}: cannot be written ({exc.strerror}); name another file for --json") from exc
