"""The client that makes the load, in a process of its own: a task as JSON on stdin, what it measured on stdout."""

import sys

import msgspec

from stemd_bench.overhead import paced, pingpong
from stemd_bench.overhead.task import Task


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
