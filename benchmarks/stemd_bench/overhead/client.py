"""The client that makes the load, in a process of its own: nothing else imports this.

A task as a line of JSON on stdin; a line on stdout once what is to be played is open; it plays once stdin says so, or
is closed; then what it measured, as JSON on stdout.
"""

import sys
import threading

import msgspec

from stemd.protocol import PING_INTERVAL
from stemd_bench.overhead import paced, pingpong
from stemd_bench.overhead.task import Task
from stemd_bench.overhead.wire import Wire


def main() -> None:
    """Do one task."""
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    measured = paced.run(task, _opened) if task.kind == "paced" else pingpong.run(task, _opened)
    sys.stdout.buffer.write(msgspec.json.encode(measured))


def _opened(wire: Wire) -> None:
    """Say so, and wait until the other side is ready, too."""
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
    reading = threading.Thread(target=sys.stdin.buffer.readline, daemon=True)
    reading.start()
    while reading.is_alive():
        wire.keep_alive()
        reading.join(PING_INTERVAL)


if __name__ == "__main__":
    main()
