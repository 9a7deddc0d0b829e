"""`stemd bench compare A.json B.json`: the command line of it."""

import argparse
import math
import sys
from pathlib import Path

import msgspec
from rich.console import Console

from stemd.errors import ConfigError
from stemd_bench.compare.changes import Thresholds
from stemd_bench.compare.comparison import Comparison, compare
from stemd_bench.compare.plots import plots
from stemd_bench.compare.screen import show
from stemd_bench.plots import save
from stemd_bench.reading import read


def run(options: argparse.Namespace) -> int:
    """Compare, show, write; 1 if anything got worse."""
    thresholds = Thresholds(
        _positive("--threshold", options.threshold), _positive("--threshold-db", options.threshold_db)
    )
    files = Path(options.before), Path(options.after)
    comparison = compare(read(files[0]), read(files[1]), files, thresholds)
    # The table goes to stderr where the JSON goes to stdout.
    console = Console(stderr=options.json == "-", width=None if sys.stdout.isatty() else 160)
    if options.json == "-":
        print(as_json(comparison), end="", flush=True)
    elif options.json:
        _write(Path(options.json), as_json(comparison))
    show(comparison, console, everything=options.all)
    if options.plot:
        for path in save(plots(comparison), Path(options.plot)):
            console.print(f"written: {path}", highlight=False, markup=False)
    return 1 if comparison.worse else 0


def as_json(comparison: Comparison) -> str:
    """As `Comparison` describes it."""
    return msgspec.json.format(msgspec.json.encode(comparison), indent=2).decode() + "\n"


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"{name} takes 0 or more")
    return value


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written ({exc.strerror}); name another file for --json") from exc
