"""A daemon of one's own: a real `stemd serve` process, from its ready line to its exit status."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Final, Literal, Self

from stemd.errors import StemdError

READY_WITHIN: Final = 60.0  # seconds; loading and timing the network takes one or two
STOP_WITHIN: Final = 15.0  # seconds; the daemon drains for four
_READY: Final = b" ready on "

Transport = Literal["ipc", "tcp"]
HOME: Final[Transport] = "ipc" if os.name == "posix" else "tcp"  # ZeroMQ has no Unix sockets elsewhere


class Daemon:
    """`with Daemon() as daemon`: ready once entered, stopped by SIGTERM and gone once left, whatever happens inside.

    Attributes:
        address: where it listens.

    Args:
        config: the daemon's configuration, as TOML.
        environment: of the process; None: this one's.
        transport: that of its sockets; TCP listens on loopback.
    """

    def __init__(
        self, config: str = "", environment: Mapping[str, str] | None = None, transport: Transport = HOME
    ) -> None:
        self._config, self._environment = config, environment
        self._folder = tempfile.TemporaryDirectory(prefix="stemd-", ignore_cleanup_errors=True)
        home = Path(self._folder.name)
        self.address = f"ipc://{home}" if transport == "ipc" else f"tcp://127.0.0.1:{_free_ports()}"
        self._out, self._err = home / "out.log", home / "err.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        config = Path(self._folder.name) / "stemd.toml"
        config.write_text(self._config, "utf-8")
        command = [sys.executable, "-m", "stemd", "serve", "--address", self.address, "--config", str(config)]
        try:
            with self._out.open("wb") as out, self._err.open("wb") as err:
                self._process = _start(command, out, err, self._environment)
            self._wait_until_ready()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        died = self.status  # by itself, while it was needed
        try:
            if died is None:
                self._stop()
            status, words = self.status, self._last_words()
        finally:
            self._kill()
        if died is not None and (error is None or isinstance(error, Exception)):
            raise StemdError(f"the daemon ended by itself with status {died}{words}") from error
        if error is None and status != 0 and os.name == "posix":
            raise StemdError(f"the daemon did not stop cleanly: status {status}{words}")

    @property
    def pid(self) -> int:
        """The process' number.

        Raises:
            RuntimeError: it was not started.
        """
        if self._process is None:
            raise RuntimeError("the daemon is not running yet: with Daemon() as daemon")
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll() if self._process else None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while _READY not in self._out.read_bytes():
            if self.status is not None:
                raise StemdError(f"the daemon could not start (status {self.status}){self._last_words()}")
            if time.monotonic() > deadline:
                raise StemdError(f"the daemon was not ready within {READY_WITHIN:.0f} s{self._last_words()}")
            time.sleep(0.02)

    def _last_words(self) -> str:
        """What it said last on stderr, to be put behind a sentence."""
        lines = self._err.read_text("utf-8", "replace").strip().splitlines()
        return f": {lines[-1].removeprefix('stemd: ')}" if lines else ""

    def _stop(self) -> None:
        assert self._process is not None  # noqa: S101 - entered
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired as exc:
            raise StemdError(f"the daemon did not stop within {STOP_WITHIN:.0f} s and was killed") from exc

    def _kill(self) -> None:
        if self._process and self.status is None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def _start(
    command: list[str], out: IO[bytes], err: IO[bytes], environment: Mapping[str, str] | None
) -> "subprocess.Popen[bytes]":
    # In a group of its own, Ctrl-C reaches only us, and it is we who stop the daemon. If we are killed, Linux does.
    guard = [found, "--pdeathsig", "TERM"] if (found := shutil.which("setpriv")) else []
    return subprocess.Popen(  # noqa: S603 - our own command
        [*guard, *command],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=environment,
        start_new_session=os.name == "posix",
    )


def _free_ports() -> int:
    """A port that is free on loopback, with the one above it."""
    for _ in range(64):
        with socket.socket() as low, socket.socket() as high:
            low.bind(("127.0.0.1", 0))
            port = int(low.getsockname()[1])
            try:
                high.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
    raise StemdError("found no two free ports next to one another on 127.0.0.1")


@contextmanager
def ends_tidily() -> Iterator[None]:
    """Let SIGTERM and SIGHUP leave every `with` block first, as Ctrl-C does, so that no daemon outlives us."""
    numbers = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]
    before = {number: signal.signal(number, _leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
