"""The client that makes the load, in a process of its own: a task as JSON on stdin, what it measured on stdout."""

import sys
from typing import Literal

import msgspec

from stemd_bench.overhead import paced, pingpong


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to do.

    Attributes:
        address: of the daemon.
        pid: of the daemon, whose processor time is counted.
        kind: `paced`: streams in real time; `pingpong`: one free stream, a block at a time.
        streams: how many (paced).
        rate: of the streams, in Hz.
        seconds: how long to measure (paced).
        blocks: how many to measure (pingpong).
    """

    address: str
    pid: int
    kind: Literal["paced", "pingpong"]
    streams: int = 1
    rate: int = 44_100
    seconds: float = 5.0
    blocks: int = 500


def main() -> None:
    """Do one task."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    if task.kind == "paced":
        measured = paced.run(task.address, task.pid, task.streams, task.rate, task.seconds)
    else:
        measured = pingpong.run(task.address, task.pid, task.rate, task.blocks)
    sys.stdout.buffer.write(msgspec.json.encode(measured))


if __name__ == "__main__":
    main()
