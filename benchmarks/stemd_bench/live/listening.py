"""The listener: a thread that writes down when each block comes, and what its header says."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

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


def lost(sent: int, heard: int, misplaced: int) -> int:
    """Blocks that are missing or misplaced; after one that was dropped the next is misplaced: that is one, not two."""
    return max(sent - heard, misplaced)


class Listener(threading.Thread):
    """Runs until the streams end, until it is told to, or until nothing comes any more.

    Args:
        stems: the socket, this thread's alone.
        streams: how many there are, with one subscription each.
        end_within: ms without a block, after which nothing is waited for.
    """

    def __init__(self, stems: "zmq.Socket[bytes]", streams: int = 1, end_within: int = _END_WITHIN) -> None:
        super().__init__(name="listener", daemon=True)
        self.heard = Heard()
        self.leave = threading.Event()
        self._stems, self._streams, self._end_within = stems, streams, end_within
        self._next: dict[int, int] = {}
        self._dropped: dict[int, int] = {}

    def run(self) -> None:
        """See the class."""
        ended = 0
        while ended < self._streams and not self.leave.is_set() and self._stems.poll(self._end_within):
            _, header, _ = self._stems.recv_multipart()
            now = time.monotonic_ns()
            head = msgpack.unpackb(header)
            if "end" in head["flags"]:
                ended += 1
            else:
                self.write_down(head, now)

    def write_down(self, head: dict[str, Any], now: int) -> None:
        """Note a block: what its header says, and when it came, in ns."""
        heard, number, sequence = self.heard, head["subscription"], head["sequence"]
        heard.declared = head["latency"] / head["rate"]
        due = head["capture_ns"] + head["latency"] * 1_000_000_000 // head["rate"]
        heard.late.append((now - due) / 1e6)
        heard.positions.append(head["position"])
        heard.blocks += 1
        heard.degraded += "degraded" in head["flags"]
        self._dropped[number] = head["dropped"]
        heard.dropped = sum(self._dropped.values())
        heard.misplaced += self._next.get(number, head["position"]) != head["position"]
        self._next[number] = head["position"] + head["frames"]
        if (sequence + 1) % (CREDIT // 2) == 0:
            heard.credits.append(Credit(number, sequence + 1 + CREDIT))
