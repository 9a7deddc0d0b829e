"""Streams that play while a cluster has its troubles, and what is heard of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from stemd.audio import Float32Array
from stemd.protocol import Opened, Plan, Timing
from stemd_client import Client, StemBlock, Stream
from tests.end_to_end.streaming import collect, listening

RATE: Final = 44_100
BLOCK: Final = 882  # 20 ms
HELD_UP: Final = 0.08  # seconds; who plays later than this may be taken for absent


@dataclass(frozen=True, slots=True)
class Part:
    """A stream that is to be played.

    Attributes:
        name: of the stream.
        model: whose network runs.
        plan: of its windows.
        stems: that are listened to; the first one is the network's.
        mixture: (2, frames) at RATE, longer than anybody plays.
        timing: a free one is sent at the same pace, and neither due at any time nor ever degraded.
    """

    name: str
    model: str
    plan: Plan
    stems: tuple[str, ...]
    mixture: Float32Array
    timing: Timing = "realtime"


@dataclass(repr=False)  # else asyncio would print all of it while it ends
class Played:
    """What came of a part.

    Attributes:
        part: see there.
        opened: the daemon's answer, with the latency that it declared.
        frames: that were sent.
        heard: the blocks of each stem.
        held_up: seconds by which a block was sent late at most, because this machine had something else to do.
    """

    part: Part
    opened: Opened
    frames: int = 0
    heard: dict[str, list[StemBlock]] = field(default_factory=dict)
    held_up: float = 0.0


@asynccontextmanager
async def playing(address: str, parts: Sequence[Part]) -> AsyncIterator[list[Played]]:
    """All of them, from now to the end of the block; what was heard is whole after it."""
    async with AsyncExitStack() as stack:
        enough, ready = asyncio.Event(), asyncio.Barrier(len(parts) + 1)
        played: list[Played] = []
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for part in parts:
            group.create_task(_play(address, part, played, ready, enough))
        await ready.wait()
        try:
            yield played
        finally:
            enough.set()


async def _play(address: str, part: Part, played: list[Played], ready: asyncio.Barrier, enough: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(address, part.name))
        heard = [await stack.enter_async_context(listening(client, part.name, (stem, "f32le"))) for stem in part.stems]
        tasks = [asyncio.create_task(collect(each)) for each in heard]
        options = {"model": part.model, "plan": part.plan, "timing": part.timing}
        async with client.open(part.name, rate=RATE, block=BLOCK, **options) as stream:
            mine = Played(part, stream.opened)
            played.append(mine)
            await ready.wait()
            await _send(stream, mine, enough)
        mine.heard = dict(zip(part.stems, await asyncio.gather(*tasks), strict=True))


async def _send(stream: Stream, mine: Played, enough: asyncio.Event) -> None:
    """A block whenever it is due, until it is enough."""
    mixture, began = mine.part.mixture, time.monotonic()
    while not enough.is_set() and mine.frames < mixture.shape[1]:
        late = time.monotonic() - began - mine.frames / RATE
        if late < 0:
            await asyncio.sleep(-late)
        elif mine.part.timing == "realtime":
            mine.held_up = max(mine.held_up, late)
        await stream.send(mixture[:, mine.frames : mine.frames + BLOCK])
        mine.frames += BLOCK
