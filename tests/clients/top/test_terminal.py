"""`stemd top` on a terminal, as ssh gives one: what it writes there, and how it leaves it."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import psutil
import pytest

from tests.end_to_end.process import Daemon, running

pytestmark = pytest.mark.slow

SECONDS = 30.0
COLOURS = re.compile(rb"(?:^|;)(3[0-7]|4[0-7]|9[0-7]|10[0-7]|38|48)(?=;|$)")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running() as daemon:
        yield daemon


class Terminal:
    """`stemd top` on 80x24; `wrote` is what came so far."""

    def __init__(self, address: str, program: Sequence[str] = ("-m", "stemd"), **variables: str) -> None:
        self._far, self._line = os.openpty()
        fcntl.ioctl(self._line, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._before = termios.tcgetattr(self._line)
        known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM")}
        self.process = subprocess.Popen(
            [sys.executable, *program, "top", "--address", address],
            stdin=self._line,
            stdout=self._line,
            stderr=self._line,
            env={**known, "TERM": "xterm-256color", **variables},
            start_new_session=True,
        )
        self.wrote = b""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._line)
        os.close(self._far)

    def read(self, seconds: float) -> None:
        """Take what comes for some time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and select.select([self._far], [], [], left)[0]:
            self.wrote += os.read(self._far, 65_536)

    def until(self, words: bytes) -> None:
        began = time.monotonic()
        while words not in self.wrote:
            assert time.monotonic() - began < SECONDS, self.wrote
            self.read(0.1)

    def press(self, keys: bytes) -> None:
        os.write(self._far, keys)

    def ended(self) -> int:
        """Its exit status; it has to leave the terminal as it was."""
        began = time.monotonic()
        while self.process.poll() is None:
            assert time.monotonic() - began < SECONDS
            self.read(0.1)
        self.read(0.1)
        assert termios.tcgetattr(self._line) == self._before
        assert self.wrote.count(b"\x1b[?1049h") == self.wrote.count(b"\x1b[?1049l")
        return self.process.returncode

    def colours(self) -> set[bytes]:
        codes = re.findall(rb"\x1b\[([0-9;]*)m", self.wrote)
        return {found for code in codes for found in COLOURS.findall(code)}


@pytest.fixture
def playing(daemon: Daemon) -> Iterator[Daemon]:
    """With a stream that has levels and a bypass: both are in colour where there are colours."""
    with subprocess.Popen(
        [sys.executable, Path(__file__).parent / "player.py", daemon.address], stdin=subprocess.PIPE
    ) as player:
        yield daemon
        player.stdin.close()


@pytest.mark.parametrize("kind", ["xterm-16color", "xterm-256color"])
def test_colours_are_those_of_the_terminal_itself(playing: Daemon, kind: str) -> None:
    with Terminal(playing.address, TERM=kind) as terminal:
        terminal.until(b"BYPASS")
        terminal.press(b"q")
        assert terminal.ended() == 0
        colours = {int(colour) for colour in terminal.colours()}
        assert colours
        assert not colours & {38, 48}  # as in 38;5 and 38;2: more than 16


def test_no_color_is_obeyed_and_nothing_is_lost(playing: Daemon) -> None:
    with Terminal(playing.address, NO_COLOR="1") as terminal:
        terminal.until(b"BYPASS")
        terminal.until("█".encode())
        terminal.press(b"q")
        assert terminal.ended() == 0
        assert terminal.colours() == set()


@pytest.mark.parametrize("way", [b"q", b"\x03", signal.SIGTERM, signal.SIGHUP], ids=str)
def test_the_terminal_is_as_it_was_afterwards(daemon: Daemon, way: bytes | signal.Signals) -> None:
    with Terminal(daemon.address) as terminal:
        terminal.until(b"no streams")
        if isinstance(way, bytes):
            terminal.press(way)
        else:
            terminal.process.send_signal(way)
        assert terminal.ended() == 0
        assert b"Traceback" not in terminal.wrote


def test_a_screen_that_fails_is_no_success(daemon: Daemon) -> None:
    faulty = "import sys; from stemd.cli import main; from stemd_client.top.app import TopApp; "
    faulty += "TopApp._draw = lambda *_, **__: 1 / 0; sys.exit(main())"
    with Terminal(daemon.address, ("-c", faulty)) as terminal:
        assert terminal.ended() == 1
        assert b"ZeroDivisionError" in terminal.wrote


def test_a_quiet_daemon_costs_next_to_nothing(daemon: Daemon) -> None:
    with Terminal(daemon.address) as terminal:
        terminal.until(b"no streams")
        terminal.read(0.5)
        here, before = psutil.Process(terminal.process.pid), len(terminal.wrote)
        used = sum(here.cpu_times()[:2])
        began = time.monotonic()
        while time.monotonic() - began < 3:
            terminal.read(0.5)
        cost = (sum(here.cpu_times()[:2]) - used) / 3
        print(f"{100 * cost:.1f} % of a core, {(len(terminal.wrote) - before) / 3:.0f} bytes a second")
        assert cost < 0.1
        assert len(terminal.wrote) - before < 3_000
        terminal.press(b"q")
        assert terminal.ended() == 0


def test_without_a_daemon_it_says_how_to_start_one(tmp_path: Path) -> None:
    with Terminal(f"ipc://{tmp_path}/none") as terminal:
        assert terminal.ended() == 1
        assert terminal.wrote.count(b"\n") == 1
        assert b"start one with `stemd serve`" in terminal.wrote


def test_a_dumb_terminal_and_none_at_all_are_told_of_json(daemon: Daemon) -> None:
    with Terminal(daemon.address, TERM="dumb") as terminal:
        assert terminal.ended() == 78
        assert b"`stemd top --json` writes lines" in terminal.wrote
    command = [sys.executable, "-m", "stemd", "top", "--address", daemon.address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (78, "")
    assert "`stemd top --json` writes lines" in done.stderr
