"""The listener: a thread that writes down when each block comes, and what its header says."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import msgpack
import zmq

from stemd.protocol import Credit

CREDIT: Final = 64
_END_WITHIN: Final = 5_000  # ms without a block, after which nothing is waited for


@dataclass(slots=True)
class Heard:
    """What was written down; see task.Result. `credits` are messages for the thread that owns the other socket."""

    late: list[float] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    blocks: int = 0
    degraded: int = 0
    dropped: int = 0
    misplaced: int = 0
    declared: float = 0.0
    credits: deque[Credit] = field(default_factory=deque)


class Listener(threading.Thread):
    """Runs until the stream ends, until it is told to, or until nothing comes any more.

    Args:
        stems: the socket, this thread's alone.
    """

    def __init__(self, stems: "zmq.Socket[bytes]") -> None:
        super().__init__(name="listener", daemon=True)
        self.heard = Heard()
        self.leave = threading.Event()
        self._stems = stems
        self._next: int | None = None

    def run(self) -> None:
        """See the class."""
        while not self.leave.is_set() and self._stems.poll(_END_WITHIN):
            _, header, _ = self._stems.recv_multipart()
            now = time.monotonic_ns()
            head = msgpack.unpackb(header)
            if "end" in head["flags"]:
                return
            self._write_down(head, now)

    def _write_down(self, head: dict[str, int], now: int) -> None:
        heard, sequence = self.heard, head["sequence"]
        heard.declared = head["latency"] / head["rate"]
        due = head["capture_ns"] + head["latency"] * 1_000_000_000 // head["rate"]
        heard.late.append((now - due) / 1e6)
        heard.positions.append(head["position"])
        heard.blocks += 1
        heard.degraded += "degraded" in str(head["flags"])
        heard.dropped = head["dropped"]
        heard.misplaced += self._next not in (None, head["position"])
        self._next = head["position"] + head["frames"]
        if (sequence + 1) % (CREDIT // 2) == 0:
            heard.credits.append(Credit(head["subscription"], sequence + 1 + CREDIT))
