"""`stemd live` as performers have it: a process of its own on a terminal, whose keys a test can press."""

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stemd_client import Client, StemBlock
from tests.devices.pulse import PulseServer
from tests.waiting import wait_until

RATE = 48_000
SINKS = {"src": RATE, "out": RATE}
SECONDS = 30.0  # for what has to happen on a machine that does other things too
PLAN = (131_072, 8_192, 0, 8_192)

# Roomy: samples are looked at here, and not how little it can do with.
ENDS = ("--input", "pulse:src.monitor", "--output", "pulse:out")
_ROOMY = """
[realtime]
margin = 0.8
[capture]
latency = 0.2
[playback]
latency = 0.2
hold = 0.3
"""

Samples = npt.NDArray[np.float32]


class Performance:
    """`stemd live` that runs; `terminal` is the far end of its standard input."""

    def __init__(self, env: dict[str, str], folder: Path, arguments: Sequence[str], ends: Sequence[str]) -> None:
        self.address = f"ipc://{folder}/s"
        config = folder / "roomy.toml"
        config.write_text(_ROOMY)
        plan = ",".join(map(str, PLAN))
        command = [sys.executable, "-m", "stemd", "live", "--address", self.address, "--config", str(config)]
        command += [*ends, "--plan", plan, *arguments]
        self._out, self._errors = folder / "out", folder / "errors"
        self.terminal, self._line = os.openpty()
        self._before = termios.tcgetattr(self._line)
        with self._out.open("w") as out, self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                env=env,
                stdin=self._line,
                stdout=out,
                stderr=errors,
                preexec_fn=_own_terminal,  # noqa: PLW1509 - nothing in it that a thread could hold
            )

    def said(self) -> str:
        """What it wrote so far."""
        return self._out.read_text("utf-8")

    def errors(self) -> str:
        """What it complained of so far, without ALSA's own words."""
        return "".join(x for x in self._errors.read_text("utf-8").splitlines(True) if not x.startswith("ALSA lib"))

    def wait_until_it_plays(self) -> None:
        """Until it shows its first line of levels."""
        wait_until(lambda: "load " in self.said() or self.process.poll() is not None, "it shows levels", SECONDS)
        assert self.process.poll() is None, self.errors()

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self.terminal, key.encode())

    def as_it_was(self) -> bool:
        """Whether the terminal has the settings that it had at first."""
        return termios.tcgetattr(self._line) == self._before

    def end(self, how: Callable[[], None] | None = None) -> int:
        """End it, by SIGTERM if not otherwise; its exit status."""
        if how:
            how()
        elif self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)

    def close(self) -> None:
        """Kill it, if it still runs."""
        self.process.kill()
        self.process.wait(10)
        os.close(self.terminal)
        os.close(self._line)


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def performing(pulse: PulseServer, *arguments: str, ends: Sequence[str] = ENDS) -> Iterator[Performance]:
    """Let it start, from `src` to `out` if nothing else is said; it is ended for good afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="stemd-"))
    running = Performance(pulse.env, folder, arguments, ends)
    try:
        yield running
    finally:
        running.close()
        shutil.rmtree(folder, ignore_errors=True)


def complaint(pulse: PulseServer, *arguments: str, ends: Sequence[str] = ENDS) -> tuple[int, str]:
    """Exit status and words of one that cannot start."""
    with performing(pulse, *arguments, ends=ends) as running:
        return running.process.wait(SECONDS), running.errors()


class Listener:
    """Collects blocks of a stem until it is told not to."""

    def __init__(self, client: Client, stem: str) -> None:
        self.blocks: list[StemBlock] = []
        self.joined = asyncio.Event()
        self.ended = False  # the daemon said so
        self._client, self._stem = client, stem

    async def run(self) -> None:
        """See the class."""
        async with self._client.subscribe("live", self._stem, delivery="lossless", credit=256) as subscription:
            async for block in subscription:
                self.blocks.append(block)
                self.joined.set()
        self.ended = True

    @property
    def begin(self) -> int:
        """The position of the first frame."""
        return int(self.blocks[0].header.position)

    def samples(self) -> Samples:
        """All of them, (frames, 2)."""
        return np.concatenate([block.samples for block in self.blocks], axis=1).T


@asynccontextmanager
async def listening(address: str, *stems: str) -> AsyncIterator[list[Listener]]:
    """Listeners to stems of the performance, who all hear already; and they stop."""
    async with Client(address) as client:
        listeners = [Listener(client, stem) for stem in stems]
        tasks = [asyncio.create_task(listener.run()) for listener in listeners]
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*(listener.joined.wait() for listener in listeners))
        try:
            yield listeners
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def status(address: str) -> dict[str, Any]:
    """What the daemon within says of itself."""
    async with Client(address) as client:
        answer: dict[str, Any] = await client.status()
        return answer


def find(samples: Samples, part: Samples) -> int:
    """Where a part, (frames, 2), stands in samples to the bit; -1 where it does not."""
    places = np.flatnonzero((samples[: len(samples) - len(part) + 1] == part[0]).all(axis=1))
    return next((int(at) for at in places if np.array_equal(samples[at : at + len(part)], part)), -1)
