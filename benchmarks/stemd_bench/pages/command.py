"""`stemd bench report`: reads reports, or takes them, and writes the page, the Markdown and the plots."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from stemd.errors import ConfigError
from stemd_bench.pages import readme
from stemd_bench.pages.chapters import Page, page
from stemd_bench.pages.html import html
from stemd_bench.pages.markdown import markdown
from stemd_bench.pages.taking import chosen, say, take
from stemd_bench.plots import save
from stemd_bench.reading import read
from stemd_bench.results import Report, Skipped


def run(options: argparse.Namespace) -> int:
    """Draw the reports of these files, or of every suite; exit status 1 if a suite failed."""
    console = Console(stderr=True)
    folder, target = Path(options.out), Path(options.readme) if options.readme else None
    if target:
        readme.read(target)  # refused before the work, not after
    reports, left_out = _reports(options, folder, console)
    if not reports:
        raise ConfigError("no suite could be run; see above what each lacks")
    for path in write(page(reports, left_out), reports, folder):
        say(console, f"written: {path}")
    if target:
        if not (figures := readme.figures(reports)).strip():
            raise ConfigError(f"{target}: left as it is; of {', '.join(r.suite for r in reports)} it shows no figures")
        _write(target, readme.between(readme.read(target), figures))
        say(console, f"written: the figures in {target}")
    return 1 if left_out else 0


def write(shown: Page, reports: Sequence[Report], folder: Path) -> list[Path]:
    """Write `index.html`, `report.md`, `readme.md` and the plots into a folder.

    Raises:
        ConfigError: it cannot be written.
    """
    texts = {"index.html": html(shown), "report.md": markdown(shown), "readme.md": readme.figures(reports)}
    paths = [_write(_made(folder) / name, text) for name, text in texts.items()]
    return [*paths, *save((plot for chapter in shown.chapters for plot in chapter.plots), folder)]


def _reports(options: argparse.Namespace, folder: Path, console: Console) -> tuple[Sequence[Report], Sequence[Skipped]]:
    if options.files:
        if options.suites or options.quick or options.again:
            raise ConfigError("--suites, --quick and --again are for measuring; with files, nothing is measured")
        return [read(Path(file)) for file in options.files], ()
    return take(chosen(options.suites), _made(folder), console, quick=options.quick, again=options.again)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"{folder}: cannot be made ({exc.strerror}); name another folder with --out") from exc
    return folder


def _write(path: Path, text: str) -> Path:
    try:
        path.write_bytes(text.encode("utf-8"))
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written ({exc.strerror})") from exc
    return path
