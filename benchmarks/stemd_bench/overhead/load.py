"""Tasks for the client that makes the load, which is a process of its own; see `client`."""

import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import msgspec

from stemd.errors import StemdError
from stemd_bench.overhead.task import Result, Task

Measured = TypeVar("Measured", Result, dict[str, float])
_ALONE: AbstractContextManager[object] = nullcontext()


def play(task: Task, beside: AbstractContextManager[object] = _ALONE) -> Result:
    """Do a task with paced streams in a process of its own; once they are open, and as they play, inside of `beside`.

    Raises:
        StemdError: the process failed.
    """
    return _perform(task, Result, beside)


def trips(task: Task) -> dict[str, float]:
    """Do a task with one free stream in a process of its own.

    Raises:
        StemdError: the process failed.
    """
    return _perform(task, dict[str, float], _ALONE)


def _perform(task: Task, kind: type[Measured], beside: AbstractContextManager[object]) -> Measured:
    command, pipe = [sys.executable, "-m", "stemd_bench.overhead.client"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:  # noqa: S603 - our own
        assert process.stdin is not None  # noqa: S101 - a pipe
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(msgspec.json.encode(task) + b"\n")
            process.stdin.flush()
            process.stdout.readline()
            with beside:
                measured, errors = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        last = errors.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise StemdError(f"the client that makes the load failed (status {process.returncode}): {''.join(last)}")
    return msgspec.json.decode(measured, type=kind)
