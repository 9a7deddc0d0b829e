"""The client in a process of its own: plays a song at its pace, and listens. A Task on stdin, a Result on stdout."""

import sys
import time
from typing import Any, Final

import msgspec
import numpy as np
import psutil

from stemd.errors import StemdError
from stemd.protocol import Close, to_frames
from stemd_bench.live.listening import CREDIT, Heard, Listener
from stemd_bench.live.playing import pay, play
from stemd_bench.live.task import STEM, Result, Task
from stemd_bench.live.watching import Watcher
from stemd_bench.meter import Meter
from stemd_bench.overhead.wire import Wire

_DEVICE_COUNTERS: Final = ("xruns", "lost", "late", "underruns", "resyncs")


def main() -> None:
    """Do one task."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    try:
        result = perform(task)
    except StemdError as exc:
        result = Result(refusal=str(exc))
    sys.stdout.buffer.write(msgspec.json.encode(result))


def perform(task: Task) -> Result:
    """Play and listen.

    Raises:
        StemdError: the daemon refused the stream, or was lost.
    """
    watcher = Watcher(task.address, task.pid, task.stream)
    result = Result()
    with Wire(task.address) as wire:
        wire.subscribe(task.stream, STEM, CREDIT)
        if task.song:
            opened = wire.open(task.stream, task.rate, task.block, "realtime", task.plan)
            plan = opened.plan
            result.plan = (plan.segment, plan.hop, plan.overlap, plan.lookahead)
        listener = Listener(wire.stems)
        listener.start()
        watcher.start()
        meter = Meter(psutil.Process(task.pid))
        late = _play(task, wire, listener.heard) if task.song else _wait(task, wire, listener)
        result.daemon_cpu, result.client_cpu, result.others = meter.read()
        watcher.stop()
        if task.song:
            wire.requests.send_multipart(to_frames(Close(wire.number(), task.stream)))
        else:
            listener.leave.set()
        while listener.is_alive():
            pay(wire, listener.heard)
            listener.join(0.01)
    result.sent = len(late)
    result.send_late_p99 = float(np.percentile(late, 99)) if late else 0.0
    _fill(result, task, listener.heard, watcher)
    return result


def _play(task: Task, wire: Wire, heard: Heard) -> list[float]:
    """By how many ms each block was sent late."""

    def go_on() -> bool:
        pay(wire, heard)
        return True

    song = np.load(task.song)
    return play(wire, [task.stream], song, rate=task.rate, block=task.block, seconds=task.seconds, pay=go_on)


def _wait(task: Task, wire: Wire, listener: Listener) -> list[float]:
    end = time.monotonic() + task.seconds
    while time.monotonic() < end and listener.is_alive():
        pay(wire, listener.heard)
        time.sleep(0.005)
    return []


def _fill(result: Result, task: Task, heard: Heard, watcher: Watcher) -> None:
    first = (heard.positions[0] if heard.positions else 0) + task.warm_up * task.rate
    result.late = [round(ms, 3) for at, ms in zip(heard.positions, heard.late, strict=True) if at >= first]
    result.declared, result.heard, result.degraded = heard.declared, heard.blocks, heard.degraded
    result.dropped, result.misplaced = heard.dropped, heard.misplaced
    result.gaps, result.jumps = watcher.stream.get("gaps", 0), watcher.stream.get("jumps", 0)
    result.loads, result.memory = watcher.loads, watcher.memory
    before = _counters(watcher.devices_at_first)
    result.devices = {name: count - before.get(name, 0) for name, count in _counters(watcher.devices).items()}


def _counters(devices: dict[str, Any]) -> dict[str, int]:
    return {
        f"{end} {name}": int(state[name])
        for end, state in devices.items()
        for name in _DEVICE_COUNTERS
        if state and name in state
    }


if __name__ == "__main__":
    main()
