"""A recording through a running daemon, with the client that programs use."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import numpy as np

from stemd.audio import Float32Array, Format, Int16Array
from stemd.protocol import Timing
from stemd_client import Client, StemBlock, Stream, Subscription
from tests.end_to_end.reference import WIRE_PLAN
from tests.networks import blocks

Wanted = tuple[str, Format]
PATIENCE = 30.0


async def collect(subscription: Subscription) -> list[StemBlock]:
    """Every block until the end."""
    return [block async for block in subscription]


async def send(stream: Stream, mixture: Float32Array | Int16Array, sizes: int | str) -> None:
    """Send a recording in blocks of a size, or of `random` ones."""
    for part in blocks(mixture.shape[1], sizes):
        await stream.send(mixture[:, part], source_ns=part.start)


async def send_in_time(stream: Stream, mixture: Float32Array, rate: int, block: int, timing: Timing) -> None:
    """Send a recording in blocks, to a realtime stream each when it is due; what is late by then is left out."""
    began = time.monotonic()
    for at in range(0, mixture.shape[1], block):
        if timing == "realtime":
            await asyncio.sleep(began + at / rate - time.monotonic())
        if stream.position <= at:  # else this process was late, and the stream went on without it
            await stream.send(mixture[:, at : at + block])


async def separated(
    client: Client,
    name: str,
    mixture: Float32Array | Int16Array,
    wanted: Sequence[Wanted],
    *,
    rate: int,
    sizes: int | str = 1_024,
    timing: Timing = "free",
    fmt: Format = "f32le",
) -> dict[Wanted, list[StemBlock]]:
    """Open a stream, listen to it from its first frame, send a recording, close; the blocks of each subscription."""
    async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
        heard = [await stack.enter_async_context(listening(client, name, one)) for one in wanted]
        size = sizes if isinstance(sizes, int) else 6_000
        options: dict[str, Any] = {"rate": rate, "channels": mixture.shape[0], "format": fmt, "timing": timing}
        tasks = [asyncio.create_task(collect(subscription)) for subscription in heard]
        async with client.open(name, block=size, plan=WIRE_PLAN, **options) as stream:
            await send(stream, mixture, sizes)
        return dict(zip(wanted, await asyncio.gather(*tasks), strict=True))


def listening(client: Client, name: str, wanted: Wanted) -> Subscription:
    """A lossless subscription."""
    stem, fmt = wanted
    return client.subscribe(name, stem, format=fmt, delivery="lossless", credit=64)


def joined(heard: Iterable[StemBlock]) -> Any:
    """The samples of all blocks, (channels, frames)."""
    return np.concatenate([block.samples for block in heard], axis=1)


def headers_are_in_order(heard: Sequence[StemBlock], length: int, first: int = 0) -> None:
    """The law of headers: nothing is missing, nothing comes twice, each position is the last plus its frames."""
    at = first
    for sequence, block in enumerate(heard):
        header = block.header
        assert (header.sequence, header.position, header.dropped) == (sequence, at, 0)
        assert block.samples.shape == (header.channels, header.frames)
        assert ("start" in header.flags) == (sequence == 0)
        at += header.frames
    assert at == length
