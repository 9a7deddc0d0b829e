"""`driver.py` as a process that tests talk with."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DRIVER = Path(__file__).parent / "driver.py"


class Driver:
    """A driver that runs."""

    def __init__(self, env: dict[str, str], what: str, arguments: object) -> None:
        command = [sys.executable, str(DRIVER), what, json.dumps(arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=env, text=True, **pipes)
        self._lines: queue.Queue[str] = queue.Queue()
        self._errors: list[str] = []
        self._listening = [threading.Thread(target=target, daemon=True) for target in (self._read, self._listen)]
        for thread in self._listening:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _listen(self) -> None:
        assert self.process.stderr
        self._errors.extend(self.process.stderr)

    def next(self, seconds: float = 15.0) -> dict[str, Any]:
        """What it says next."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"{self.process.args} said nothing in {seconds} s; {self._errors}") from None
        if not line:
            self._listening[1].join(5)
        assert line, f"{self.process.args} ended: {''.join(self._errors)}"
        said: dict[str, Any] = json.loads(line)
        return said

    def end(self, seconds: float = 15.0) -> dict[str, Any]:
        """Have it end; the last that it says."""
        assert self.process.stdin
        self.process.stdin.close()
        last = self.next(seconds)
        assert self.process.wait(seconds) == 0, "".join(self._errors)
        return last

    def close(self) -> None:
        """Kill it, if it still runs."""
        self.process.kill()
        self.process.wait(10)
        for thread in self._listening:
            thread.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()


@contextmanager
def driver(env: dict[str, str], what: str, arguments: object) -> Iterator[Driver]:
    """Run it, and kill it at the end if it still runs."""
    running = Driver(env, what, arguments)
    try:
        yield running
    finally:
        running.close()


def ask(env: dict[str, str], what: str, questions: list[Any]) -> list[dict[str, Any]]:
    """One answer to each question."""
    with driver(env, what, questions) as running:
        return [running.next() for _ in questions]
