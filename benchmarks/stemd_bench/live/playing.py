"""Plays a song into streams at its pace: each block is sent when its last frame would have been captured."""

import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from stemd.audio import Float32Array
from stemd.protocol import to_frames
from stemd_bench.live.listening import Heard
from stemd_bench.overhead.wire import Wire, mixture_header

_START_NS: Final = 100_000_000


def play(
    wire: Wire,
    streams: Sequence[str],
    song: Float32Array,
    *,
    rate: int,
    block: int,
    seconds: float,
    pay: Callable[[], bool],
) -> list[float]:
    """Play, and say by how many ms each block was sent late.

    Args:
        wire: to the daemon.
        streams: their names; their blocks are spread evenly over the duration of one.
        song: (frames, 2), played over and over.
        rate: of the streams, in Hz.
        block: frames of a block.
        seconds: how long.
        pay: called after each block, to send credit; False: enough was played.
    """
    count = song.shape[0] // block
    parts = [np.ascontiguousarray(song[n * block : (n + 1) * block], "<f4").tobytes() for n in range(count)]
    late: list[float] = []
    start = time.monotonic_ns() + _START_NS
    for number in range(round(seconds * rate / block) * len(streams)):
        due = start + number * block * 1_000_000_000 // (rate * len(streams))
        while (left := due - time.monotonic_ns()) > 0:
            time.sleep(left / 1e9)
        n, stream = divmod(number, len(streams))
        wire.requests.send_multipart([b"mixture", mixture_header(streams[stream], n * block), parts[n % count]])
        late.append(-left / 1e6)
        if not pay():
            break
    return late


def pay(wire: Wire, heard: Heard) -> None:
    """Send the credit that the listener wrote down."""
    while heard.credits:
        wire.requests.send_multipart(to_frames(heard.credits.popleft()))
