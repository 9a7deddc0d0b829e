"""What a measurement of a live stream needs: a daemon of its own, a song at the stream's rate, the client's process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np

from stemd.errors import StemdError
from stemd_bench.live.task import Result, Task
from stemd_bench.process import Daemon
from stemd_bench.song import make_song

SONG_SECONDS: Final = 30.0
T = TypeVar("T", bound=msgspec.Struct)


def fresh(folder: Path) -> dict[str, str]:
    """This process' environment, but that the daemon remembers no hop from before: plan auto is chosen by timing."""
    return {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}


def write_song(folder: Path, rate: int, seconds: float = SONG_SECONDS) -> Path:
    """The made-up song's mixture as a NumPy file, (frames, 2) float32; written once."""
    file = folder / f"song-{rate}.npy"
    if not file.exists():
        np.save(file, np.ascontiguousarray(make_song(rate, seconds)["mixture"].T))
    return file


def play(task: Task) -> Result:
    """Do a task in a process of its own.

    Raises:
        StemdError: the process failed.
    """
    return done_by("stemd_bench.live.client", task, Result)


def done_by(module: str, task: msgspec.Struct, kind: type[T]) -> T:
    """What a module's process made of a task: JSON on stdin, JSON of this kind on stdout.

    Raises:
        StemdError: the process failed.
    """
    command, words = [sys.executable, "-m", module], msgspec.json.encode(task)
    done = subprocess.run(command, input=words, capture_output=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise StemdError(f"the client failed (status {done.returncode}): {last_line(done.stderr)}")
    return msgspec.json.decode(done.stdout, type=kind)


def last_line(stderr: bytes) -> str:
    """What a process said last."""
    return "".join(stderr.decode("utf-8", "replace").strip().splitlines()[-1:])


def task_for(daemon: Daemon, **words: object) -> Task:
    """A task against a daemon."""
    return msgspec.convert({"address": daemon.address, "pid": daemon.pid, **words}, Task)


@contextmanager
def helper(module: str, *arguments: str) -> Iterator[list[str]]:
    """Another module as a process beside, ended by closing its stdin; what it said is in the list afterwards.

    Raises:
        StemdError: on leaving, it had failed.
    """
    command = [sys.executable, "-m", module, *arguments]
    said: list[str] = []
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:  # noqa: S603 - our own
        try:
            yield said
            words, errors = process.communicate(timeout=30)
            said += words.decode().splitlines()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise StemdError(f"{module} failed (status {process.returncode}): {last_line(errors)}")
