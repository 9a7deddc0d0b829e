"""Runs suites in turn, each as a command in a process of its own, and keeps what they give in a folder."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from stemd.errors import ConfigError, StemdError
from stemd_bench.command import SUITES
from stemd_bench.process import ends_tidily
from stemd_bench.reading import read
from stemd_bench.results import Report, Skipped

BENCH: Final = (sys.executable, "-m", "stemd", "bench")
_STOP_WITHIN: Final = 30.0  # seconds; a suite stops its daemons first


def chosen(names: str | None) -> tuple[str, ...]:
    """Suites by name, with a comma between; None: all.

    Raises:
        ConfigError: one is none.
    """
    if names is None:
        return tuple(SUITES)
    found = tuple(dict.fromkeys(filter(None, (name.strip() for name in names.split(",")))))
    unknown = [name for name in found if name not in SUITES]
    if unknown or not found:
        raise ConfigError(f"--suites takes some of {', '.join(SUITES)}, not {', '.join(unknown) or 'nothing'}")
    return found


def take(
    suites: Sequence[str], folder: Path, console: Console, *, quick: bool, again: bool
) -> tuple[list[Report], list[Skipped]]:
    """Run what the folder does not have yet; `folder/NAME.json` is there once a suite is done, and never in part.

    Args:
        suites: by name.
        folder: which is there.
        console: for what is going on.
        quick: as each suite's option.
        again: also what is there already.

    Returns:
        The reports, and which suites could not be run, and why.

    Raises:
        ConfigError: a report that is there cannot be used.
    """
    files = {name: folder / f"{name}.json" for name in suites}
    kept = {} if again else {name: _kept(name, file, quick=quick) for name, file in files.items() if file.exists()}
    reports, left_out = [], []
    for place, (name, file) in enumerate(files.items(), 1):
        if report := kept.get(name):
            say(console, f"{name}: there already, {file}")
            reports.append(report)
            continue
        try:
            with _shown(console, f"{name}, suite {place} of {len(files)}"):
                reports.append(_run(name, file, quick=quick))
            say(console, f"{name}: measured, {file}")
        except StemdError as exc:
            left_out.append(Skipped(name, str(exc)))
            say(console, f"{name}: left out ({exc})")
    return reports, left_out


def say(console: Console, text: str) -> None:
    """A line, as it is."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _kept(name: str, file: Path, *, quick: bool) -> Report:
    report = read(file)
    if report.suite != name:
        raise ConfigError(f"{file} is a report of {report.suite}, not of {name}; name it as a file, or another --out")
    if report.quick != quick:
        found, asked = ("quick", "full") if report.quick else ("full", "quick")
        raise ConfigError(f"{file} is of a {found} run and a {asked} one is asked for; name another --out, or --again")
    return report


def _run(name: str, file: Path, *, quick: bool) -> Report:
    """Run one suite; its file takes its place when it is whole.

    Raises:
        StemdError: it failed.
    """
    part = file.with_name(f".{file.name}.part")
    command = [*BENCH, name, *(["--quick"] if quick else []), "--json", str(part)]
    try:
        with tempfile.TemporaryFile() as said:
            if status := _wait(command, said):
                raise StemdError(_last_words(said, status))
        report = read(part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return report


def _wait(command: Sequence[str], said: IO[bytes]) -> int:
    """The command's exit status; it is stopped first if we are, so that its daemons are stopped as well."""
    with ends_tidily():
        # In a group of its own, Ctrl-C reaches only us, and it is we who stop it.
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=os.name == "posix",
        )
        try:
            return process.wait()
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(said: IO[bytes], status: int) -> str:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("stemd: ") if lines else f"it ended with status {status} and said nothing"


def _shown(console: Console, text: str) -> Progress:
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        # Drawing takes time from what is measured.
        refresh_per_second=1,
        disable=not console.is_terminal,
    )
    progress.add_task(text, total=None)
    return progress
