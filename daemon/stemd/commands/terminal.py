"""A terminal, or a pipe in its place: what long commands say, ask and show of their progress."""

import sys
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from stemd.store.errors import StoreError

_STEPS: Final = 10  # lines that a pipe gets of each label


class Terminal:
    """See stemd.store.talk.Talk. Use it as a context manager, which takes the bar away at the end.

    Args:
        yes: agree to everything.
    """

    def __init__(self, *, yes: bool) -> None:
        self._yes = yes
        self._console = Console(stderr=True, soft_wrap=True)
        self._bars: Progress | None = None
        self._label, self._step = "", -1

    def __enter__(self) -> Self:
        """Nothing is shown yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._stop()

    def say(self, text: str) -> None:
        """Print a line or more."""
        self._stop()
        print(text, flush=True)

    def agree(self, terms: str) -> bool:
        """Print the terms and wait for an answer.

        Raises:
            StoreError: there is no terminal to answer at, and --yes was not given.
        """
        self.say(terms)
        return self.confirm("Do you agree to these terms?")

    def confirm(self, question: str) -> bool:
        """Ask a question whose default is no.

        Raises:
            StoreError: there is no terminal to answer at, and --yes was not given.
        """
        if self._yes:
            return True
        if not sys.stdin.isatty():
            raise StoreError("there is no terminal to ask at; add --yes if that is what you want")
        self._stop()
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def progress(self, label: str, done: int, total: int, unit: str) -> None:
        """Move the bar, or print a line at every tenth of the way."""
        fresh = label != self._label
        self._label = label
        if not self._console.is_terminal:
            self._print(label, done, total, unit, fresh=fresh)
            return
        if fresh or not self._bars:
            self._stop()
            self._label = label
            amount = [DownloadColumn(), TransferSpeedColumn()] if unit == "bytes" else [MofNCompleteColumn()]
            self._bars = Progress(TextColumn(label), BarColumn(), *amount, TimeRemainingColumn(), console=self._console)
            self._bars.add_task("", total=total, completed=done)
            self._bars.start()
        self._bars.update(self._bars.task_ids[0], completed=done)

    def _print(self, label: str, done: int, total: int, unit: str, *, fresh: bool) -> None:
        step = _STEPS * done // max(total, 1)
        if fresh or step > self._step:
            amount = f"{total / 1e6:,.1f} MB" if unit == "bytes" else f"{total} {unit}"
            print(f"{label}: {100 * done // max(total, 1)} % of {amount}", file=sys.stderr, flush=True)
            self._step = step

    def _stop(self) -> None:
        if self._bars:
            self._bars.stop()
        self._bars, self._label, self._step = None, "", -1
