"""Subscriptions: from the first frame or later, networks that rest and wake, and what headers say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np
import pytest

from stemd_client import Client, Stream
from tests.end_to_end.process import Daemon
from tests.end_to_end.reference import PLAN, WIRE_PLAN, offline, recording
from tests.end_to_end.streaming import collect, headers_are_in_order, joined, listening, send, separated

RATE = 44_100
HOP = PLAN.hop
SIZE = 1_024
LINGER = 2


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with Client(daemon.address) as client:
        yield client


@asynccontextmanager
async def stream(client: Client, name: str, rate: int = RATE) -> AsyncIterator[Stream]:
    async with asyncio.timeout(20), client.open(name, rate=rate, block=SIZE, timing="free", plan=WIRE_PLAN) as stream:
        yield stream


async def running(client: Client, name: str) -> list[str]:
    """The network stems that are being separated; what was sent before has been taken by then."""
    [state] = [s for s in (await client.status())["streams"] if s["stream"] == name]
    return list(state["running"])


async def test_a_subscription_before_open_is_pending_and_gets_frame_0(client: Client, name: str) -> None:
    async with client.subscribe(name, "vocals", delivery="lossless", credit=1_000) as early:
        assert early.position is None
        assert {"stream": name, "stem": "vocals"} in (await client.status())["pending"]
        mixture = recording(30_000, RATE)
        async with stream(client, name) as desk:
            assert {"stream": name, "stem": "vocals"} not in (await client.status())["pending"]
            await send(desk, mixture, SIZE)
        heard = await collect(early)
    headers_are_in_order(heard, 30_000)
    assert np.array_equal(joined(heard), offline(mixture, RATE))


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
async def test_a_late_subscription_begins_at_the_position_that_it_was_told(
    client: Client, name: str, rate: int
) -> None:
    mixture = recording(3 * rate, rate, seed=rate)
    half = mixture.shape[1] // 2
    async with AsyncExitStack() as stack:
        async with stream(client, name, rate) as desk:
            await send(desk, mixture[:, :half], SIZE)
            late = await stack.enter_async_context(listening(client, name, ("vocals", "f32le")))
            also = await stack.enter_async_context(listening(client, name, ("mix", "f32le")))
            tasks = [asyncio.create_task(collect(one)) for one in (late, also)]
            await send(desk, mixture[:, half:], SIZE)
        vocals, mix = await asyncio.gather(*tasks)
    first, mix_first = late.position, also.position
    assert first is not None
    assert mix_first is not None
    assert half <= first <= half + (2 * HOP + SIZE) * rate // RATE + 1
    assert mix_first <= first, "the mixture needs no network"
    headers_are_in_order(vocals, mixture.shape[1], first)
    headers_are_in_order(mix, mixture.shape[1], mix_first)
    assert np.array_equal(joined(mix), mixture[:, mix_first:])
    # From the end of the first fade-in on, it is as if somebody had listened all along.
    settled = PLAN.overlap * rate // RATE + (0 if rate == RATE else 400)
    expected = offline(mixture, rate)[:, first + settled :]
    if rate == RATE:
        assert np.array_equal(joined(vocals)[:, settled:], expected)
    else:
        assert np.abs(joined(vocals)[:, settled:] - expected).max() < 1e-5


async def test_a_second_listener_begins_where_the_first_is(client: Client, name: str) -> None:
    mixture = recording(90_000, RATE)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(listening(client, name, ("vocals", "f32le")))
        task = asyncio.create_task(collect(first))
        async with stream(client, name) as desk:
            await send(desk, mixture[:, :60_000], SIZE)
            second = await stack.enter_async_context(listening(client, name, ("vocals", "f32le")))
            other = asyncio.create_task(collect(second))
            await send(desk, mixture[:, 60_000:], SIZE)
        whole, part = await asyncio.gather(task, other)
    assert second.position is not None
    assert np.array_equal(joined(whole), offline(mixture, RATE))
    assert np.array_equal(joined(part), joined(whole)[:, second.position :])


async def test_a_network_rests_linger_hops_after_its_last_listener_and_wakes_again(client: Client, name: str) -> None:
    async with stream(client, name) as desk:
        assert await running(client, name) == []
        async with listening(client, name, ("vocals", "f32le")) as first:
            assert first.position == 0
            assert await running(client, name) == ["vocals"]
            async with listening(client, name, ("instrumental", "f32le")):
                pass
            await hop(desk)
            assert await running(client, name) == ["vocals"], "one of two listeners is left"
        for _ in range(LINGER):
            await hop(desk)
            assert await running(client, name) == ["vocals"]
        await hop(desk)
        assert await running(client, name) == []
        async with listening(client, name, ("vocals", "f32le")) as again:
            assert await running(client, name) == ["vocals"]
            assert again.position is not None
            assert again.position % HOP == 0
            await hop(desk, 4)
            block = await asyncio.wait_for(again.take(), 10)
            assert block is not None
            assert (block.header.position, block.header.flags) == (again.position, ("start",))


async def test_a_listener_that_comes_back_in_time_finds_the_network_awake(client: Client, name: str) -> None:
    async with stream(client, name) as desk:
        for _ in range(4):
            async with listening(client, name, ("vocals", "f32le")):
                await hop(desk)
            await hop(desk, LINGER - 1)
            assert await running(client, name) == ["vocals"]


async def hop(desk: Stream, count: int = 1) -> None:
    """Send as many frames as complete so many segments."""
    for _ in range(count):
        await desk.send(recording(HOP, RATE))


async def test_mix_alone_runs_no_network(client: Client, name: str) -> None:
    mixture = recording(5 * HOP, RATE)
    async with AsyncExitStack() as stack:
        sub = await stack.enter_async_context(listening(client, name, ("mix", "f32le")))
        task = asyncio.create_task(collect(sub))
        async with stream(client, name) as desk:
            await send(desk, mixture, SIZE)
            assert await running(client, name) == []
        assert np.array_equal(joined(await task), mixture)


async def test_headers_say_what_they_promise(client: Client, name: str) -> None:
    rate, size = 48_000, 960
    mixture = recording(50 * size + 7, rate)
    heard = await separated(client, name, mixture, [("vocals", "f32le"), ("mix", "s16le")], rate=rate, sizes=size)
    for (stem, fmt), blocks in heard.items():
        headers_are_in_order(blocks, mixture.shape[1])
        first = blocks[0].header
        for block in blocks:
            header = block.header
            assert (header.stream, header.stem, header.format, header.rate) == (name, stem, fmt, rate)
            assert (header.incarnation, header.latency) == (first.incarnation, first.latency)
            assert header.source_ns == header.position, "as it was sent"
            assert first.capture_ns <= header.capture_ns <= block.received_ns
        assert [b.header.frames for b in blocks] == [size] * 50 + [7]
        captures = [b.header.capture_ns for b in blocks]
        assert captures == sorted(captures)


async def test_the_end_bears_the_length_and_the_next_sequence(client: Client, name: str) -> None:
    async with client.subscribe(name, "mix", delivery="lossless") as sub:
        async with stream(client, name) as desk:
            await send(desk, recording(10_000, RATE), SIZE)
            heard = asyncio.create_task(collect(sub))
        blocks = await heard
        assert sub.end is not None
        assert (sub.end.position, sub.end.frames, sub.end.flags) == (10_000, 0, ("end",))
        assert sub.end.sequence == len(blocks)
        assert sub.end.incarnation == blocks[0].header.incarnation
