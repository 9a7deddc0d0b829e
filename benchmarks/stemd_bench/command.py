"""`stemd bench SUITE`: runs a suite, shows a table, and writes JSON."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from stemd.errors import ConfigError
from stemd_bench import suite as suites
from stemd_bench.live import options as live
from stemd_bench.machine import this_machine
from stemd_bench.overhead import Overhead
from stemd_bench.process import ends_tidily
from stemd_bench.report import as_json, show
from stemd_bench.results import Report
from stemd_bench.soak import options as soak
from stemd_bench.suite import Suite


def run(options: argparse.Namespace) -> int:
    """Measure; the table goes to stderr where the JSON goes to stdout."""
    target = None if options.json in (None, "-") else Path(options.json)
    if target:
        _check_writable(target)
    console = Console(stderr=options.json == "-", width=None if sys.stdout.isatty() else 140)
    suite = _suite(options)
    with ends_tidily():
        report = measure(suite, Console(stderr=True), quick=options.quick)
    if options.json == "-":
        print(as_json(report), end="", flush=True)
    elif target:
        target.write_text(as_json(report), "utf-8")
    show(report, suite.headings, console)
    suite.draw(report)
    return 0


def measure(suite: Suite, console: Console, *, quick: bool) -> Report:
    """Run a suite, with a progress bar on this console."""
    machine = this_machine()
    with _bars(console) as bars:
        bar = bars.add_task("", total=None)
        with suite.prepared(lambda name: bars.update(bar, description=f"preparing: {name}")):
            bars.update(bar, total=suite.repeats * len(suite.cases), completed=-1)
            variants = suites.run(suite, lambda name: bars.update(bar, advance=1, description=name))
    variants = suite.derive(variants)
    return Report(
        suite=suite.name,
        quick=quick,
        repeats=suite.repeats,
        machine=machine,
        method=suite.method,
        variants=variants,
        conclusions=suite.conclude(variants),
        skipped=tuple(suite.skipped),
        remarks=suite.remarks(variants),
    )


def _suite(options: argparse.Namespace) -> Suite:
    if options.suite == "overhead":
        return Overhead(quick=options.quick)
    if options.suite == "live":
        return live.suite(options)
    if options.suite == "soak":
        return soak.suite(options)
    # It needs PyTorch, which the other suites do without.
    from stemd_bench.network.options import from_arguments  # noqa: PLC0415
    from stemd_bench.network.suite import Network  # noqa: PLC0415

    return Network(from_arguments(options))


def _bars(console: Console) -> Progress:
    return Progress(
        TaskProgressColumn("{task.completed:.0f} of {task.total:.0f}", text_format_no_percentage="", show_speed=False),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
        # Drawing takes time from what is measured.
        refresh_per_second=1,
        disable=not console.is_terminal,
    )


def _check_writable(target: Path) -> None:
    """Find out before minutes of work, not after."""
    try:
        with target.open("a", encoding="utf-8"):
            pass
    except OSError as exc:
        raise ConfigError(f"{target}: cannot be written ({exc.strerror}); name another file for --json") from exc
