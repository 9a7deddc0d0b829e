"""Many streams in real time: one thread sends, one receives, and what comes is looked at when all is over."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import msgpack
import numpy as np
import psutil
import zmq

from stemd.errors import StemdError
from stemd.protocol import Close, Credit, to_frames
from stemd_bench.meter import Meter
from stemd_bench.overhead.plan import BLOCK_SECONDS, MODEL_RATE, PLAN, STEM
from stemd_bench.overhead.wire import Wire, mixture_header

WARM_UP: Final = 1.5  # seconds, in which time bases settle
_CREDIT: Final = 16  # what stemd_client gives
_END_WITHIN: Final = 5.0


@dataclass(slots=True)
class Arrivals:
    """What the receiving thread writes down: for each block its arrival, what its header says, and whether it is wrong.

    Attributes:
        added: (capture time, seconds between the moment at which the block was due and its arrival).
        credits: messages for the sending thread to send.
    """

    added: list[tuple[int, float]] = field(default_factory=list)
    credits: deque[Credit] = field(default_factory=deque)
    degraded: int = 0
    changed: int = 0
    dropped: dict[int, int] = field(default_factory=dict)
    ended: int = 0


def run(address: str, pid: int, streams: int, rate: int, seconds: float) -> dict[str, float]:
    """Play noise on so many streams, whose blocks are spread evenly over the block time.

    Args:
        address: of the daemon.
        pid: of the daemon.
        streams: how many; fewer are played where the daemon refuses some.
        rate: of the streams, in Hz.
        seconds: how long, after the warm-up.
    """
    frames = round(BLOCK_SECONDS * rate)
    pcm = np.random.default_rng(0).normal(0, 0.1, (frames, 2)).astype("<f4").tobytes()
    arrivals = Arrivals()
    with Wire(address) as wire:
        began = time.monotonic()
        names = _open(wire, streams, rate, frames)
        opening = time.monotonic() - began
        expected = pcm if rate == MODEL_RATE else None
        listener = threading.Thread(target=_listen, args=(wire.stems, arrivals, len(names), expected))
        listener.start()
        measured = _play(wire, names, frames, pcm, seconds, arrivals, psutil.Process(pid))
        load = sum(stream["load"] for stream in wire.state()["streams"])
        for name in names:
            wire.requests.send_multipart(to_frames(Close(wire.number(), name)))
        while listener.is_alive():
            _pay(wire, arrivals)
            listener.join(0.01)
    return {"opened": len(names), "opening": opening, "load": 100 * load, **_figures(arrivals, measured, len(names))}


@dataclass(slots=True)
class Played:
    """What the sending thread knows: processor time in cores, and how late it was itself, in seconds."""

    since_ns: int
    sent: int = 0
    daemon: float = 0.0
    client: float = 0.0
    others: float = 0.0
    late: list[float] = field(default_factory=list)


def _figures(arrivals: Arrivals, measured: Played, streams: int) -> dict[str, float]:
    dropped = sum(arrivals.dropped.values())
    return {
        **_added([added for capture, added in arrivals.added if capture >= measured.since_ns]),
        "cpu_per_stream": 100 * measured.daemon / max(streams, 1),
        "daemon_cpu": 100 * measured.daemon,
        "client_cpu": 100 * measured.client,
        "others": 100 * measured.others,
        "client_late_p99": float(1e3 * np.percentile(measured.late or [0.0], 99)),
        "degraded": arrivals.degraded,
        "dropped": dropped,
        "changed": arrivals.changed,
        "lost": measured.sent - len(arrivals.added) - dropped,
    }


def _added(late: list[float]) -> dict[str, float]:
    """In ms; nothing where nothing came."""
    values: list[float] = (np.percentile(late, [50, 99, 100]) * 1e3).tolist() if late else []
    return {name: float(value) for name, value in zip(("added_p50", "added_p99", "added_max"), values, strict=False)}


def _open(wire: Wire, streams: int, rate: int, frames: int) -> list[str]:
    names = []
    for n in range(streams):
        name = f"s{n}"
        try:
            wire.open(name, rate, frames, "realtime", PLAN)
        except StemdError:
            break  # the machine holds no more: as many as there are
        wire.subscribe(name, STEM, _CREDIT)
        names.append(name)
    return names


def _play(
    wire: Wire, names: list[str], frames: int, pcm: bytes, seconds: float, arrivals: Arrivals, daemon: psutil.Process
) -> Played:
    """Send until the time is over; block n of stream i is due (n + i / streams) block times after the start."""
    count = len(names)
    step = round(BLOCK_SECONDS * 1e9) / max(count, 1)
    start = time.monotonic_ns() + 50_000_000
    played = Played(start + round(WARM_UP * 1e9))
    warm = round(WARM_UP / BLOCK_SECONDS) * count
    meter = Meter(daemon)
    for number in range(warm + round(seconds / BLOCK_SECONDS) * count):
        due = start + round(number * step)
        while (left := due - time.monotonic_ns()) > 0:
            time.sleep(left / 1e9)
        if number == warm:
            meter = Meter(daemon)
        n, i = divmod(number, count)
        wire.requests.send_multipart([b"mixture", mixture_header(names[i], n * frames), pcm])
        played.sent += 1
        if number >= warm:
            played.late.append(-left / 1e9)
        _pay(wire, arrivals)
    played.daemon, played.client, played.others = meter.read()
    return played


def _pay(wire: Wire, arrivals: Arrivals) -> None:
    while arrivals.credits:
        wire.requests.send_multipart(to_frames(arrivals.credits.popleft()))


def _listen(stems: "zmq.Socket[bytes]", arrivals: Arrivals, streams: int, expected: bytes | None) -> None:
    """Write down what comes until every stream has ended, or nothing comes any more."""
    while arrivals.ended < streams and stems.poll(round(_END_WITHIN * 1e3)):
        _, header, pcm = stems.recv_multipart()
        now = time.monotonic_ns()
        head = msgpack.unpackb(header)
        number = head["subscription"]
        arrivals.dropped[number] = head["dropped"]
        if "end" in head["flags"]:
            arrivals.ended += 1
            continue
        due = head["capture_ns"] + head["latency"] * 1_000_000_000 // head["rate"]
        arrivals.added.append((head["capture_ns"], (now - due) / 1e9))
        arrivals.degraded += "degraded" in head["flags"]
        arrivals.changed += expected is not None and pcm != expected
        if (head["sequence"] + 1) % (_CREDIT // 2) == 0:
            arrivals.credits.append(Credit(number, head["sequence"] + 1 + _CREDIT))
