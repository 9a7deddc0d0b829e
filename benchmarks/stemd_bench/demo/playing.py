"""Plays a piece at its own pace through a daemon, and listens to the stems that come back."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from stemd.audio import Float32Array
from stemd.dsp.levels import decibels, rms
from stemd.errors import StemdError
from stemd_bench.demo.piece import Piece
from stemd_client import Client, Plan, StemBlock, Stream, Subscription

STEMS: Final = ("mix", "vocals", "instrumental")
# The live plan with a hop four times as long: it leaves a busy machine room, and costs little latency.
ROOMY: Final = Plan(segment=230_400, hop=8_192, overlap=0, lookahead=5_120)
_STREAM: Final = "demo"
_BLOCK_SECONDS: Final = 0.02
_METER_BLOCKS: Final = 10  # 0.2 s
_STATUS_EVERY: Final = 0.5  # seconds


class StandstillError(StemdError):
    """The machine stood still for so long that the daemon went on without the song."""


@dataclass
class Heard:
    """One stem as it comes in.

    Attributes:
        blocks: all that came so far.
        level: of the last 0.2 s, in dBFS.
        latency: of the last block, in seconds, from the time base of its first frame to its arrival here.
    """

    stem: str
    blocks: list[StemBlock] = field(default_factory=list)
    level: float = -120.0
    latency: float | None = None
    _last: deque[Float32Array] = field(default_factory=lambda: deque(maxlen=_METER_BLOCKS))

    def take(self, block: StemBlock) -> None:
        """Take note of a block."""
        self.blocks.append(block)
        self.latency = seconds_late(block)
        self._last.append(np.asarray(block.samples, np.float32))
        self.level = decibels(rms(np.concatenate(self._last, axis=1)))

    def samples(self) -> Float32Array:
        """Everything that came, (channels, frames)."""
        joined: Float32Array = np.concatenate([block.samples for block in self.blocks], axis=1, dtype=np.float32)
        return joined

    def degraded(self) -> int:
        """How many blocks are not the network's."""
        return sum("degraded" in block.header.flags for block in self.blocks)

    def latencies(self, since: float) -> npt.NDArray[np.float64]:
        """Seconds between time base and arrival of each block that begins `since` seconds into the stream, or later."""
        late = [seconds_late(b) for b in self.blocks if b.header.position >= since * b.header.rate]
        return np.array(late, np.float64)


@dataclass
class Performance:
    """A piece while it plays, and after.

    Attributes:
        heard: the stems, by name.
        latency: what the daemon declared, in frames; 0 until it has.
        loads: of the stream, one every half second: compute time of a hop over its duration.
        position: frames played so far.
    """

    piece: Piece
    heard: dict[str, Heard] = field(default_factory=lambda: {stem: Heard(stem) for stem in STEMS})
    latency: int = 0
    loads: list[float] = field(default_factory=list)
    position: int = 0

    @property
    def declared(self) -> float:
        """The declared latency in seconds."""
        return self.latency / self.piece.rate


Watch = Callable[[Performance], Coroutine[Any, Any, None]]


def seconds_late(block: StemBlock) -> float:
    """From the time base of a block's first frame to its arrival here, in seconds; both are this host's clock."""
    return (block.received_ns - block.header.capture_ns) / 1e9


async def perform(piece: Piece, address: str, watch: Watch) -> Performance:
    """Play a piece from beginning to end.

    Args:
        piece: the music.
        address: of the daemon.
        watch: runs beside it, for the screen, and is cancelled at the end.

    Raises:
        StandstillError: silence stands where the song came too late.
        StemdError: the daemon refused something or was lost, or what came back is not whole.
    """
    show = Performance(piece)
    async with Client(address, "demo") as client, AsyncExitStack() as stack:
        subscriptions = [
            await stack.enter_async_context(client.subscribe(_STREAM, stem, delivery="lossless", credit=64))
            for stem in STEMS
        ]
        async with asyncio.TaskGroup() as group:
            for subscription, heard in zip(subscriptions, show.heard.values(), strict=True):
                group.create_task(_listen(subscription, heard))
            beside = [group.create_task(watch(show)), group.create_task(_ask(client, show))]
            await _play(client, show)
            for task in beside:
                task.cancel()
    _check_whole(show)
    return show


async def _play(client: Client, show: Performance) -> None:
    piece = show.piece
    block = max(1, round(_BLOCK_SECONDS * piece.rate))
    stream = client.open(
        _STREAM, rate=piece.rate, channels=piece.mixture.shape[0], block=block, timing="realtime", plan=ROOMY
    )
    async with stream:
        show.latency = stream.opened.latency
        await _send(stream, show, block)
        # Leaving waits until the last block has come out.


async def _send(stream: Stream, show: Performance, block: int) -> None:
    piece = show.piece
    began = time.monotonic_ns()
    for position in range(0, piece.mixture.shape[1], block):
        due = began + position * 1_000_000_000 // piece.rate
        await asyncio.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
        await stream.send(piece.mixture[:, position : position + block], source_ns=due)
        show.position = stream.position


async def _listen(subscription: Subscription, heard: Heard) -> None:
    async for block in subscription:
        heard.take(block)


async def _ask(client: Client, show: Performance) -> None:
    while True:
        await asyncio.sleep(_STATUS_EVERY)
        streams = (await client.status())["streams"]
        if streams and show.position:
            show.loads.append(float(streams[0]["load"]))


def _check_whole(show: Performance) -> None:
    frames = show.piece.mixture.shape[1]
    for heard in show.heard.values():
        came = sum(block.header.frames for block in heard.blocks)
        if came > frames:
            silence = 1000 * (came - frames) / show.piece.rate
            raise StandstillError(
                f"this machine was too busy to play on time: the song stood still for {silence:.0f} ms"
            )
        if came != frames:
            raise StemdError(f"only {came} of {frames} frames of {heard.stem!r} came back")
