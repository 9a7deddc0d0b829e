"""One free stream, one block at a time: how long its stem takes to come back."""

import time
from collections.abc import Callable
from typing import Final

import msgpack
import numpy as np
import psutil
import zmq

from stemd.errors import ConnectionLostError
from stemd.protocol import MAX_CREDIT
from stemd_bench.overhead.plan import BLOCK_SECONDS, PLAN, STEM
from stemd_bench.overhead.task import Task
from stemd_bench.overhead.wire import Wire, mixture_header

_STREAM: Final = "pingpong"
_WARM_UP: Final = 50  # blocks
_ANSWER_WITHIN: Final = 10_000  # ms


def run(task: Task, opened: Callable[[Wire], None]) -> dict[str, float]:
    """Send blocks and wait for each one's stem.

    Args:
        task: what to do; its rate is the model's, else a block is not answered by itself.
        opened: called once the stream is open, with the client that opened it.
    """
    frames, blocks = round(BLOCK_SECONDS * task.rate), task.blocks
    pcm = np.random.default_rng(0).normal(0, 0.1, (frames, 2)).astype("<f4").tobytes()
    with Wire(task.address) as wire:
        pings = [wire.ping() for _ in range(_WARM_UP + blocks)][_WARM_UP:]
        wire.subscribe(_STREAM, STEM, MAX_CREDIT)
        wire.open(_STREAM, task.rate, frames, "free", PLAN)
        opened(wire)
        trips, busy = _trips(wire, psutil.Process(task.pid), pcm, frames, blocks)
    trip, ping = np.percentile(trips, [50, 99]) * 1e3, np.percentile(pings, [50, 99]) * 1e3
    return {
        "trip_p50": float(trip[0]),
        "trip_p99": float(trip[1]),
        "ping_p50": float(ping[0]),
        "ping_p99": float(ping[1]),
        "cpu_per_block": 1e3 * busy / blocks,
    }


def _trips(wire: Wire, daemon: psutil.Process, pcm: bytes, frames: int, blocks: int) -> tuple[list[float], float]:
    """Seconds that each block took after the warm-up, and the daemon's processor time for them all."""
    trips: list[float] = []
    began = 0.0
    for n in range(_WARM_UP + blocks):
        if n == _WARM_UP:
            began = _busy(daemon)
        sent = time.monotonic_ns()
        wire.requests.send_multipart([b"mixture", mixture_header(_STREAM, n * frames), pcm])
        position, came = _answer(wire.stems)
        trips.append((time.monotonic_ns() - sent) / 1e9)
        assert (position, came == pcm) == (n * frames, True), "a block came back changed"  # noqa: S101
    return trips[_WARM_UP:], _busy(daemon) - began


def _answer(stems: "zmq.Socket[bytes]") -> tuple[int, bytes]:
    if not stems.poll(_ANSWER_WITHIN):
        raise ConnectionLostError("a block of a free stream was not answered within 10 s")
    _, header, pcm = stems.recv_multipart()
    return int(msgpack.unpackb(header)["position"]), pcm


def _busy(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
