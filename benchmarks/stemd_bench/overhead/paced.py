"""Many streams in real time: one thread sends, one receives, and what comes is looked at when all is over."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import numpy as np
import psutil
import zmq

from stemd.errors import StemdError
from stemd.protocol import Close, to_frames
from stemd_bench.meter import Meter
from stemd_bench.overhead.hearing import CREDIT, Asked, Heard, Listener
from stemd_bench.overhead.plan import BLOCK_SECONDS, MODEL_RATE
from stemd_bench.overhead.task import Result, Served, Task
from stemd_bench.overhead.wire import Wire, mixture_header

_MIB: Final = 2**20
_END_WITHIN: Final = 5.0  # seconds without a block, beyond the declared latency
_START_NS: Final = 50_000_000


def run(task: Task, opened: Callable[[Wire], None]) -> Result:
    """Play noise on so many streams, whose blocks are spread evenly over the block time.

    Args:
        task: what to do.
        opened: called once the streams are open, with the client that opened them.
    """
    daemon = psutil.Process(task.pid)
    result = Result(memory_before=daemon.memory_info().rss / _MIB)
    with Wire(task.address) as wire, ExitStack() as listening:
        names = _open(wire, task, result)
        opened(wire)
        context: zmq.Context[zmq.Socket[bytes]] = listening.enter_context(zmq.Context())
        wires = [listening.enter_context(Wire(task.address, context=context)) for _ in range(task.subscribers)]
        source = _source(task, result, len(names))
        listener = Listener(
            wires,
            _subscribe(wires, names, task),
            len(names),
            source.warm * source.frames,
            source.pcm if _can_be_told(task) else None,
            _END_WITHIN + result.declared,
        )
        listener.start()
        _play(wire, names, source, daemon, result)
        result.memory = daemon.memory_info().rss / _MIB
        loads = {stream["stream"]: float(stream["load"]) for stream in wire.state()["streams"]}
        for name in names:
            wire.requests.send_multipart(to_frames(Close(wire.number(), name)))
        listener.join()
    listeners = len(task.stems) * task.subscribers
    result.streams = [
        _served(heard, source.ends - begins, source.warm, listeners, loads.get(name, 0.0))
        for name, heard, begins in zip(names, listener.heard, source.begins, strict=True)
    ]
    return result


@dataclass(frozen=True, slots=True)
class _Source:
    """What is sent: one block of noise, again and again.

    Attributes:
        frames: of a block.
        rate: in Hz.
        warm: a stream's first blocks, that are not counted.
        begins: block times after the start at which each stream begins.
        ends: the same at which all end.
        pcm: the block.
    """

    frames: int
    rate: int
    warm: int
    begins: tuple[int, ...]
    ends: int
    pcm: bytes


def _source(task: Task, opened: Result, count: int) -> _Source:
    frames = _frames(task)
    warm_up = max(task.warm_up, opened.declared) if task.hops else task.warm_up
    warm, measured = (
        max(1, round(seconds * task.rate / frames)) for seconds in (warm_up, max(task.seconds, task.hops * opened.hop))
    )
    hop = opened.hop * task.rate / frames if task.spread else 0.0
    begins = tuple(int(hop * i / count) for i in range(count))
    pcm = np.random.default_rng(0).normal(0, 0.1, (frames, 2)).astype("<f4").tobytes()
    return _Source(frames, task.rate, warm, begins, warm + measured + max(begins, default=0), pcm)


def _frames(task: Task) -> int:
    return task.block or round(BLOCK_SECONDS * task.rate)


def _can_be_told(task: Task) -> bool:
    """Whether every block that is heard must be one that was sent."""
    return task.copies and task.rate == MODEL_RATE and task.format == "f32le" and "instrumental" not in task.stems


def _open(wire: Wire, task: Task, result: Result) -> list[str]:
    """Open as many streams as the machine holds, and no more than are asked for."""
    began, names = time.monotonic(), []
    for n in range(task.streams):
        try:
            opened = wire.open(f"s{n}", task.rate, _frames(task), "realtime", task.plan, task.offered)
        except StemdError as exc:
            result.refusal = str(exc)
            break
        result.declared = max(result.declared, opened.latency / task.rate)
        result.hop = max(result.hop, opened.plan.hop / opened.model_rate)
        names.append(opened.stream)
    result.opening = time.monotonic() - began
    return names


def _subscribe(wires: Sequence[Wire], names: Sequence[str], task: Task) -> dict[int, Asked]:
    return {
        wire.subscribe(name, stem, CREDIT, fmt=task.format): Asked(wire, stream)
        for wire in wires
        for stream, name in enumerate(names)
        for stem in task.stems
    }


def _play(wire: Wire, names: Sequence[str], source: _Source, daemon: psutil.Process, result: Result) -> None:
    """Send until the time is over; block n of stream i is due begins + n + i / streams block times after the start."""
    count = len(names)
    step = source.frames / source.rate * 1e9 / max(count, 1)
    start = time.monotonic_ns() + _START_NS
    meter, late = Meter(daemon), []
    all_warm = source.warm + max(source.begins, default=0)
    for number in range(source.ends * count):
        due = start + round(number * step)
        while (left := due - time.monotonic_ns()) > 0:
            time.sleep(left / 1e9)
        if number == all_warm * count:
            meter = Meter(daemon)
        tick, i = divmod(number, count)
        n = tick - source.begins[i]
        if n < 0:
            continue
        wire.requests.send_multipart([b"mixture", mixture_header(names[i], n * source.frames), source.pcm])
        if tick >= all_warm:
            late.append(-left / 1e6)
    result.daemon_cpu, result.client_cpu, result.others = meter.read()
    result.client_late = float(np.percentile(late or [0.0], 99))


def _served(heard: Heard, sent: int, warm: int, listeners: int, load: float) -> Served:
    dropped = sum(heard.dropped.values())
    return Served(
        late=heard.late,
        due=(sent - warm) * listeners,
        on_time=heard.on_time,
        degraded=heard.degraded,
        changed=heard.changed,
        dropped=dropped,
        lost=sent * listeners - heard.blocks - dropped,
        load=load,
    )
