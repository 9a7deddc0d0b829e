"""`stemd bench SUITE`: runs a suite, shows a table, and writes JSON."""

import argparse
import importlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from stemd.errors import ConfigError
from stemd_bench import suite as suites
from stemd_bench.machine import this_machine
from stemd_bench.plots import save
from stemd_bench.process import ends_tidily
from stemd_bench.report import as_json, show
from stemd_bench.results import Report, Skipped, Variant
from stemd_bench.suite import Suite

SUITES: Final = {
    "latency": "stemd_bench.latency.options",
    "network": "stemd_bench.network.options",
    "quality": "stemd_bench.quality.options",
    "streams": "stemd_bench.streams.options",
    "overhead": "stemd_bench.overhead.options",
    "live": "stemd_bench.live.options",
    "workers": "stemd_bench.workers.options",
    "cluster": "stemd_bench.cluster.options",
    "soak": "stemd_bench.soak.options",
}
"""Where `suite(options)` of each is; imported when it is asked for, since some need PyTorch."""


def run(options: argparse.Namespace) -> int:
    """Measure; the table goes to stderr where the JSON goes to stdout."""
    target = None if options.json in (None, "-") else Path(options.json)
    if target:
        _check_writable(target)
    console = Console(stderr=options.json == "-", width=None if sys.stdout.isatty() else 140)
    suite = suite_named(options.suite, options)
    if options.plot:
        save((), Path(options.plot))  # find out before minutes of work
    with ends_tidily():
        report = measure(suite, Console(stderr=True), quick=options.quick, command=_command(options))
    if options.json == "-":
        print(as_json(report), end="", flush=True)
    elif target:
        target.write_text(as_json(report), "utf-8")
    show(report, suite.headings, console)
    if options.plot:
        for path in save(suite.plots(report), Path(options.plot)):
            console.print(f"written: {path}", highlight=False, markup=False)
    return 0


def measure(suite: Suite, console: Console, *, quick: bool, command: str = "") -> Report:
    """Run a suite, with a progress bar on this console; `command` is what gives the same again."""
    machine = this_machine()
    with _bars(console) as bars:
        bar = bars.add_task("", total=None)
        with suite.prepared(lambda name: bars.update(bar, description=f"preparing: {name}")):
            bars.update(bar, total=suite.repeats * len(suite.cases), completed=-1)
            variants = suites.run(suite, lambda name: bars.update(bar, advance=1, description=name))
    variants = suite.derive(variants)
    return Report(
        suite=suite.name,
        command=command,
        quick=quick,
        repeats=suite.repeats,
        machine=machine,
        method=suite.method,
        variants=variants,
        conclusions=suite.conclude(variants),
        skipped=_skipped(suite.skipped, variants),
        remarks=suite.remarks(variants),
        headings=tuple(map(dict, suite.headings)),
    )


def _skipped(skipped: Sequence[Skipped], variants: Sequence[Variant]) -> tuple[Skipped, ...]:
    """What was left out; what was so only now and then has figures, too, and says so."""
    measured = {variant.name for variant in variants if variant.measures or variant.distributions or variant.series}
    return tuple(
        Skipped(one.name, f"in some repeats: {one.reason}") if one.name in measured else one for one in skipped
    )


def suite_named(name: str, options: argparse.Namespace) -> Suite:
    """A suite as the command line asks for it.

    Raises:
        ConfigError: an option is none.
    """
    module: Any = importlib.import_module(SUITES[name])
    suite: Suite = module.suite(options)
    return suite


def _command(options: argparse.Namespace) -> str:
    """This command, without where its JSON and its plots go."""
    words = sys.argv[1:]
    for option, target in (("--json", options.json), ("--plot", options.plot)):
        for at, word in enumerate(words):
            name, joined, _ = word.partition("=")
            if len(name) > len("--") and option.startswith(name):  # it may be shortened
                del words[at : at + 1 + (not joined and words[at + 1 : at + 2] == [target])]
                break
    return shlex.join(["stemd", *words])


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
