"""Runs an export for a person: a bar while it works, a table when it is done."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from stemd_export.htdemucs.export import REPORT_NAME, export_htdemucs
from stemd_export.htdemucs.facts import Flavour
from stemd_export.htdemucs.parity import Row


def export_and_tell(
    name: str, out: Path, flavour: Flavour, *, repo: Path | None, stems: Sequence[str], console: Console | None = None
) -> Path:
    """Export a bag; show each step on standard error and the parity table on standard output.

    Raises:
        StemdError: see export_htdemucs.
    """
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1)

        def step(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        exported = export_htdemucs(name, out, flavour, repo=repo, stems=stems, progress=step)
    (console or Console(soft_wrap=True)).print(table(exported.rows))
    print(f"figures: {exported.folder / REPORT_NAME}")
    return exported.folder


def table(rows: Sequence[Row]) -> Table:
    """The parity of each stem, and what its graph costs."""
    shown = Table(
        *("stem", "difference/peak", "SNR dB", "nodes", "MB", "load s", "segment s", "in PyTorch s"),
        box=None,
        pad_edge=False,
    )
    for row in rows:
        shown.add_row(
            *(row.stem, f"{row.max_abs_diff:.1e}", f"{row.snr_db:.1f}", str(row.nodes), f"{row.megabytes:.1f}"),
            *(f"{row.load_seconds:.2f}", f"{row.run_seconds:.2f}", f"{row.pytorch_seconds:.2f}"),
        )
    return shown
