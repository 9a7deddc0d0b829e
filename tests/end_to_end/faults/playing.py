"""The realtime stream that must go on: see `player`, which plays it in a process of its own."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.waiting import wait_until

STREAM: Final = "show"
RATE: Final = 48_000
BLOCK: Final = 960
LONGEST: Final = 60  # seconds
ROOMY: Final = {"margin": 1.0}  # of a daemon: these laws are not about how busy the machine is
PATIENCE: Final = 40.0
UNFIT: Final = 75  # EX_TEMPFAIL
ROOT: Final = Path(__file__).parents[3]


class Playing:
    """A stream that is played."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.played = 0  # frames
        self.words = ""
        self._process = process
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def go_on(self, seconds: float = 1.0) -> None:
        """Wait until so much more was played."""
        enough = self.played + round(seconds * RATE)
        wait_until(lambda: self.played >= enough, f"{seconds:g} s more were played; {self.words}")

    def finish(self) -> None:
        """Let what was played come out; the law is that it is what it should be."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        status = self._process.wait(PATIENCE)
        self._thread.join()
        if status == UNFIT:
            pytest.skip(f"this machine held up the player, so its stream shows nothing: {self.words}")
        assert (status, self.words.splitlines()[-1:]) == (0, ["fine"]), self.words

    def end(self) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._thread.join()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as words:
            for line in words:
                if line.startswith("played "):
                    self.played = int(line.split()[1])
                else:
                    self.words += line


@contextmanager
def playing_on(address: str) -> Iterator[Playing]:
    """Plays while the block lasts, and compares at its end."""
    command = [sys.executable, "-m", "tests.end_to_end.faults.player", address]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        player = Playing(process)
        try:
            wait_until(lambda: player.played > 0 or process.poll() is not None, "it plays", PATIENCE)
            yield player
            player.finish()
        finally:
            player.end()
