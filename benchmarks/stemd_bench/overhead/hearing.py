"""The listeners: one thread for all of them, which writes down when each block comes, and what its header says."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack
import zmq

from stemd.protocol import PING_INTERVAL, Credit, to_frames
from stemd_bench.overhead.task import ON_TIME
from stemd_bench.overhead.wire import Wire

CREDIT: Final = 16  # what stemd_client gives
_AT_ONCE: Final = 64  # blocks that are taken from one socket before the others have their turn


@dataclass(slots=True)
class Heard:
    """What came of one stream; see task.Served. `dropped` is by subscription."""

    late: list[float] = field(default_factory=list)
    blocks: int = 0
    on_time: int = 0
    degraded: int = 0
    changed: int = 0
    dropped: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One subscription: whose, and to which of the streams."""

    wire: Wire
    stream: int


class Listener(threading.Thread):
    """Runs until every subscription has ended, or nothing comes any more.

    Attributes:
        heard: of each stream.

    Args:
        wires: of the listeners, this thread's alone once it runs.
        asked: subscriptions, by number.
        streams: how many.
        measured_from: the position in a stream from which on lateness counts, in frames.
        expected: what each block must hold; None: it cannot be told.
        patience: seconds without a block, after which nothing is waited for.
    """

    def __init__(
        self,
        wires: Sequence[Wire],
        asked: Mapping[int, Asked],
        streams: int,
        measured_from: int,
        expected: bytes | None,
        patience: float,
    ) -> None:
        super().__init__(name="listener", daemon=True)
        self.heard = [Heard() for _ in range(streams)]
        self._wires, self._asked = wires, asked
        self._measured_from, self._expected, self._patience = measured_from, expected, patience
        self._left = len(asked)

    def run(self) -> None:
        """See the class."""
        poller = zmq.Poller()
        for wire in self._wires:
            poller.register(wire.stems, zmq.POLLIN)
        heard = pinged = time.monotonic()
        while self._left and time.monotonic() - heard < self._patience:
            for socket, _ in poller.poll(round(PING_INTERVAL * 1e3)):
                heard = time.monotonic()
                self._take(socket)
            if time.monotonic() - pinged >= PING_INTERVAL:
                # Before the first block there is no credit to give.
                pinged = time.monotonic()
                for wire in self._wires:
                    wire.keep_alive()

    def _take(self, socket: "zmq.Socket[bytes]") -> None:
        for _ in range(_AT_ONCE):
            try:
                _, header, pcm = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._write_down(msgpack.unpackb(header), pcm, time.monotonic_ns())

    def _write_down(self, head: dict[str, Any], pcm: bytes, now: int) -> None:
        number, sequence, flags = head["subscription"], head["sequence"], head["flags"]
        asked = self._asked[number]
        heard = self.heard[asked.stream]
        heard.dropped[number] = head["dropped"]
        if "end" in flags:
            self._left -= 1
            return
        heard.blocks += 1
        degraded = "degraded" in flags
        changed = not degraded and self._expected is not None and pcm != self._expected
        heard.degraded += degraded
        heard.changed += changed
        if head["position"] >= self._measured_from:
            late = (now - head["capture_ns"] - head["latency"] * 1_000_000_000 // head["rate"]) / 1e6
            heard.late.append(late)
            heard.on_time += late <= ON_TIME and not degraded and not changed
        if (sequence + 1) % (CREDIT // 2) == 0:
            asked.wire.requests.send_multipart(to_frames(Credit(number, sequence + 1 + CREDIT)))
