"""The client in a process of its own: plays into streams, listens to each, and writes down the way of every block.

A Task on stdin, a Result on stdout.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import zmq

from stemd.errors import StemdError
from stemd.keys import read_own
from stemd.protocol import Close, to_frames
from stemd_bench.latency.blocks import BLOCK, WAY
from stemd_bench.latency.task import Result, Task
from stemd_bench.live.listening import CREDIT, Listener, lost
from stemd_bench.live.playing import pay, play
from stemd_bench.meter import Meter
from stemd_bench.overhead.wire import Wire

_FLUSH_MS = 5_000


class Witness(Listener):
    """Writes down the whole header's times.

    Attributes:
        rows: one for each block, as `blocks.BLOCK`.
    """

    def __init__(self, stems: "zmq.Socket[bytes]", streams: int, end_within: int) -> None:
        super().__init__(stems, streams, end_within)
        self.rows: list[tuple[int, ...]] = []

    def write_down(self, head: dict[str, Any], now: int) -> None:
        """See Listener."""
        super().write_down(head, now)
        way = head.get("way") or dict.fromkeys(WAY, 0)
        declared = head["latency"] * 1_000_000_000 // head["rate"]
        points = (head["capture_ns"], *(way[point] for point in WAY), now)
        self.rows.append((head["subscription"], head["position"], "degraded" in head["flags"], declared, *points))


def main() -> None:
    """Do one task."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(perform(task)))


def perform(task: Task) -> Result:
    """Play and listen.

    Raises:
        StemdError: the daemon was lost.
    """
    result = Result()
    own = read_own(Path(task.key)) if task.key else None
    names = [f"bench-{n}" for n in range(task.streams)]
    with Wire(task.address, own) as wire:
        declared = 0.0
        for name in names:
            wire.subscribe(name, task.stem, CREDIT, way=True)
            try:
                opened = wire.open(name, task.rate, task.block, "realtime", task.plan)
            except StemdError as exc:
                result.refusal = str(exc)
                return result
            declared = max(declared, opened.latency / task.rate)
            result.opened += 1
            result.hops.append(opened.plan.hop / opened.model_rate)
        listener = Witness(wire.stems, len(names), round(1e3 * declared) + _FLUSH_MS)
        listener.start()
        _measure(task, wire, names, listener, declared, result)
    np.save(task.heard, np.array(listener.rows, BLOCK))
    return result


def _measure(task: Task, wire: Wire, names: list[str], listener: Witness, declared: float, result: Result) -> None:
    def go_on() -> bool:
        pay(wire, listener.heard)
        return not (task.until_degraded and listener.heard.degraded)

    meter = Meter(psutil.Process(task.pid))
    # What is played in the last `declared` seconds is heard only when the streams are closed, and not counted.
    seconds = task.warm_up + task.seconds + declared
    song = np.load(task.song)
    late = play(wire, names, song, rate=task.rate, block=task.block, seconds=seconds, pay=go_on)
    result.daemon_cpu, result.client_cpu, result.others = meter.read()
    for name in names:
        wire.requests.send_multipart(to_frames(Close(wire.number(), name)))
    while listener.is_alive():
        pay(wire, listener.heard)
        listener.join(0.01)
    result.sent, result.send_late_p99 = len(late), float(np.percentile(late, 99))
    result.heard, result.degraded = listener.heard.blocks, listener.heard.degraded
    result.lost = lost(result.sent, result.heard, listener.heard.misplaced)


if __name__ == "__main__":
    main()
