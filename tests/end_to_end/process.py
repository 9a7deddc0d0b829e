"""A daemon as users have it: a process of its own, told what to do by a file and by signals."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import msgspec

from stemd.config import Config, as_toml, load_config
from stemd.dsp.plan import WindowPlan
from tests.end_to_end.reference import PLAN, THREADS

READY_SECONDS = 30.0
STOP_SECONDS = 20.0


class Daemon:
    """`stemd serve` with a folder of its own for sockets, configuration and what it writes to stderr.

    Args:
        folder: short, for a Unix socket's path has 107 bytes at most.
        config: tables and keys beside those that every daemon of the tests has.
        address: None: Unix sockets in the folder.
        arguments: of the command line, besides.
        environment: variables besides.
        wrapper: the command that starts the daemon's.
        deaf: whether nothing can be written to its stderr: the disk is full.
    """

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any] | None = None,
        address: str | None = None,
        arguments: tuple[str, ...] = (),
        *,
        environment: Mapping[str, str] | None = None,
        wrapper: tuple[str, ...] = (),
        deaf: bool = False,
    ) -> None:
        self.folder = folder
        self.address = address or f"ipc://{folder}/s"
        self._log = folder / f"stderr-{len(list(folder.glob('stderr-*')))}"
        self.file = folder / "stemd.toml"
        self.file.write_text(_toml(config or {}), "utf-8")
        given = ("--address", self.address, "--config", str(self.file), *arguments)
        command = (*wrapper, sys.executable, "-m", "stemd", "serve", *given)
        homes = {"XDG_DATA_HOME": str(folder / "data"), "XDG_CACHE_HOME": str(folder / "cache")}
        with (Path("/dev/full") if deaf else self._log).open("w") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **homes, **(environment or {})},
            )

    def wait_until_ready(self) -> str:
        """The line by which it says that it serves."""
        line = self._line(READY_SECONDS)
        assert " ready on " in line, f"no ready line but {line!r}; stderr: {self.errors()}"
        return line

    def wait_until_stopping(self) -> None:
        """Wait for the line by which it says that it was told to stop."""
        assert "stops" in self._line(STOP_SECONDS)

    def _line(self, seconds: float) -> str:
        assert self.process.stdout is not None
        there, _, _ = select.select([self.process.stdout], [], [], seconds)
        assert there, f"the daemon said nothing for {seconds:g} s; stderr: {self.errors()}"
        return self.process.stdout.readline()

    def errors(self) -> str:
        """What it wrote to stderr so far."""
        return self._log.read_text("utf-8") if self._log.exists() else ""

    def rewrite(self, **changed: Any) -> None:
        """Change keys in its file, of tables those that are named; it reads them when it is told to."""
        tables = msgspec.to_builtins(load_config(self.file))
        for name, value in changed.items():
            tables[name] = {**tables[name], **value} if isinstance(value, dict) else value
        self.file.write_text(as_toml(msgspec.convert(tables, Config)), "utf-8")

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        status = self.process.wait(STOP_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def stop(self) -> None:
        """Stop it as a service manager does; the law is that this is clean, whatever happened before."""
        if self.process.poll() is None:
            self.signal()
            self.wait()
        assert self.process.returncode == 0, self.errors()
        assert "Traceback" not in self.errors(), self.errors()
        assert "ERROR" not in self.errors(), self.errors()

    def kill(self) -> None:
        """End it for good, if it has not ended by itself."""
        if self.process.returncode is None:
            self.process.kill()
            self.wait()


@contextmanager
def folder() -> Iterator[Path]:
    """A folder with a short name."""
    path = Path(tempfile.mkdtemp(prefix="stemd-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running(
    config: Mapping[str, Any] | None = None, address: str | None = None, home: Path | None = None, **options: Any
) -> Iterator[Daemon]:
    """A daemon that serves, and is stopped at the end; that it stops cleanly is part of every test.

    `home` is its folder, if it is not to have a new one; `options` as for `Daemon`.
    """
    with nullcontext(home) if home else folder() as place:
        daemon = Daemon(place, config, address, **options)
        try:
            daemon.wait_until_ready()
            yield daemon
            daemon.stop()
        finally:
            daemon.kill()


def refused(place: Path, address: str | None = None, arguments: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit status and stderr of a daemon that cannot start."""
    daemon = Daemon(place, {}, address, arguments)
    try:
        return daemon.wait(), daemon.errors()
    finally:
        daemon.kill()


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port such that nobody listens there or at the next one."""
    for port in range(20_000 + os.getpid() % 10_000, 40_000, 2):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as one, socket.socket(family) as two:
            try:
                one.bind((host, port))
                two.bind((host, port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports")


def _toml(config: Mapping[str, Any]) -> str:
    everyone: dict[str, Any] = {"plan": "short", "plans": {"short": _plan(PLAN)}, "engine": {"threads": THREADS}}
    return as_toml(msgspec.convert({**everyone, **config}, Config))


def _plan(plan: WindowPlan) -> dict[str, int]:
    return {name: getattr(plan, name) for name in ("segment", "hop", "overlap", "lookahead")}


def one_line(text: str) -> bool:
    """Whether an error is told as one line, and not as a traceback."""
    return re.fullmatch(r"stemd: [^\n]+\n", text) is not None
