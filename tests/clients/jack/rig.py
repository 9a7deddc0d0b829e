"""A private JACK server, clients of it that play and record, and `stemd jack` as a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import BaseFileLock, FileLock, Timeout

from stemd_client.jack.library import CAPTURE, Latencies, load
from tests.end_to_end.process import Daemon
from tests.waiting import PATIENCE, wait_until

Samples = npt.NDArray[np.float32]  # (frames, channels)
# Roomy: alignment is looked at here, and not how little latency it can do with.
ROOMY: Mapping[str, Any] = {"realtime": {"margin": 0.5}}
PATIENT = ("--margin", "250")


def _free_name() -> BaseFileLock:
    """The lock of a name that no other server has, held.

    JACK remembers eight servers, also those that were killed, until one of the same name begins: so names come again.
    """
    for number in range(4):
        lock = FileLock(Path(tempfile.gettempdir()) / f"stemd-test-{number}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        return lock
    raise AssertionError("four servers of tests run already")


class JackServer:
    """jackd with its dummy driver, which waits for its clients; `env` is what others need to find it."""

    def __init__(self, rate: int, period: int) -> None:
        self.rate, self.period = rate, period
        self._lock = _free_name()
        self.name = Path(self._lock.lock_file).stem
        self.env = {**os.environ, "JACK_DEFAULT_SERVER": self.name, "JACK_NO_AUDIO_RESERVATION": "1"}
        command = ["jackd", "-S", "-r", "-n", self.name, "-d", "dummy", "-r", str(rate), "-p", str(period)]
        self._log = tempfile.NamedTemporaryFile("w")  # noqa: SIM115 - closed by `stop`
        self._process = subprocess.Popen(
            command, env=self.env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )
        try:
            wait_until(self._answers, "jackd answers", 15)
        except BaseException:
            self.stop()
            raise

    def client(self, name: str) -> Any:
        """A client that is not active yet."""
        return load().Client(name, servername=self.name, no_start_server=True)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.said()
        try:
            self.client("probe").close()
        except load().JackOpenError:
            return False
        return True

    def said(self) -> str:
        """What it wrote."""
        return Path(self._log.name).read_text()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._log.close()
        self._lock.release()


@contextmanager
def jack_server(rate: int = 48_000, period: int = 256) -> Iterator[JackServer]:
    """A server of its own."""
    server = JackServer(rate, period)
    try:
        yield server
    finally:
        server.stop()


class Tape:
    """Two clients of one process: one plays (frames, 2), and one records; both count JACK's frames.

    They are two, for JACK holds back by a period what a client sends to itself.

    Attributes:
        song: what is played, (frames, 2); nothing at first.
        frames: how many were recorded.
    """

    def __init__(self, server: JackServer, ports: Sequence[str], seconds: float = 60) -> None:
        self.player, self.recorder = server.client("player"), server.client("recorder")
        self._outs = [self.player.outports.register(f"out_{n}") for n in (1, 2)]
        self._ins = {name: self.recorder.inports.register(name) for name in ports}
        self._latencies = Latencies(self.recorder, lambda _: None)
        self._recorded = np.zeros((round(seconds * server.rate), len(ports)), np.float32)
        self._names = list(ports)
        self._rate = server.rate
        self._first: int | None = None
        self.song: Samples = np.zeros((0, 2), np.float32)
        self._begun: int | None = None
        self.frames = 0
        self.player.set_process_callback(self._play)
        self.recorder.set_process_callback(self._record)

    def __enter__(self) -> "Tape":
        self.player.activate()
        self.recorder.activate()
        return self

    def __exit__(self, *_: object) -> None:
        for client in (self.player, self.recorder):
            client.deactivate(ignore_errors=True)
            client.close(ignore_errors=True)

    def play(self, song: Samples) -> None:
        """Begin to play with the next period; `began` says at which frame that was."""
        self.song, self._begun = song, None

    @property
    def began(self) -> int:
        """The recorder's count of the first frame that was played, which is waited for."""
        wait_until(lambda: None not in {self._begun, self._first}, "the tape plays")
        assert self._begun is not None
        assert self._first is not None
        return self._begun - self._first

    def _play(self, frames: int) -> None:
        song, now = self.song, self.player.last_frame_time
        if len(song) and self._begun is None:
            self._begun = now
        at = now - self._begun if self._begun is not None else 0
        for channel, port in enumerate(self._outs):
            out = port.get_array()
            out[:] = 0
            part = song[at : at + frames, channel]
            out[: len(part)] = part

    def _record(self, frames: int) -> None:
        now = self.recorder.last_frame_time
        self._first = now if self._first is None else self._first
        at = now - self._first
        if at + frames > len(self._recorded):
            return
        for column, port in enumerate(self._ins.values()):
            self._recorded[at : at + frames, column] = port.get_array()
        self.frames = at + frames

    def wait(self, frames: int) -> None:
        """Until so many are recorded."""
        wait_until(lambda: self.frames >= frames, f"{frames} frames are recorded", PATIENCE + frames / self._rate)

    def listen(self, name: str, port: str) -> None:
        """Record a port."""
        self.recorder.connect(port, self._ins[name])

    def feed(self, *ports: str) -> None:
        """Play into ports."""
        for out, port in zip(self._outs, ports, strict=True):
            self.player.connect(out, port)

    def latency(self, name: str) -> tuple[int, int]:
        """What JACK says lies before a port that is recorded, in frames."""
        return self._latencies.get(self._ins[name], CAPTURE)

    def heard(self, name: str, first: int, frames: int) -> Samples:
        """What was recorded of a port, (frames, )."""
        self.wait(first + frames)
        return self._recorded[first : first + frames, self._names.index(name)].copy()


class StemdJack:
    """`stemd jack --json` that runs."""

    def __init__(self, server: JackServer, address: str, *arguments: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="stemd-"))
        command = [sys.executable, "-m", "stemd", "jack", "--address", address, "--json", *PATIENT, *arguments]
        self._out, self._errors = self._folder / "out", self._folder / "errors"
        with self._out.open("w") as out, self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                command, env=server.env, stdin=subprocess.DEVNULL, stdout=out, stderr=errors
            )

    def states(self) -> list[dict[str, Any]]:
        """Every state that it printed."""
        lines = self._out.read_text("utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def state(self) -> dict[str, Any]:
        """The next state that it prints."""
        count = len(self.states())
        self.until(lambda: len(self.states()) > count, "it says how things stand")
        return self.states()[-1]

    def said(self) -> str:
        """What it said besides."""
        return self._errors.read_text("utf-8")

    def until(self, holds: Callable[[], Any], what: str) -> None:
        """Wait, as long as it lives."""
        wait_until(lambda: holds() or self.process.poll() is not None, f"{what}; it said {self.said()}")
        assert self.process.poll() is None, self.said()

    def until_it_plays(self, *stems: str) -> None:
        """Until the daemon has a stream, and gives these stems."""

        def plays() -> bool:
            states = self.states()
            return bool(states) and states[-1]["state"] == "plays" and set(stems) <= set(states[-1]["stems"])

        self.until(plays, f"it plays {stems}")

    def until_it_says(self, text: str, times: int = 1) -> None:
        """Until it has said something."""
        self.until(lambda: self.said().count(text) >= times, f"it says {text!r}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it as a person does; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Kill it if it still runs."""
        self.process.kill()
        self.process.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def stemd_jack(server: JackServer, daemon: Daemon | str, *arguments: str) -> Iterator[StemdJack]:
    """Let it start; it is ended for good afterwards."""
    running = StemdJack(server, daemon if isinstance(daemon, str) else daemon.address, *arguments)
    try:
        yield running
    finally:
        running.close()
