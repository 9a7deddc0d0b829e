"""The way of stem blocks, told by real daemons to whoever asks, with workers of either kind."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.protocol import Plan, Stem, Timing, Way
from stemd_client import Client, StemBlock, Subscription, sync
from tests.end_to_end.process import Daemon, folder, running
from tests.end_to_end.reference import WIRE_PLAN, recording
from tests.end_to_end.streaming import collect, send, send_in_time
from tests.graphs import BUSY, store, unruly_model
from tests.networks import noise

pytestmark = pytest.mark.slow

RATE = 44_100
HOP = 8_820  # 0.2 s
BLOCK = 441
SEGMENTS, SLOW = 8, 3  # and which of them is the slow one


def config(place: Path, workers: str) -> dict[str, object]:
    (place / "models" / "unruly").mkdir(parents=True)
    store(unruly_model(place / "models" / "unruly", frames=HOP))
    engine = {"threads": 1, "workers": workers}
    return {"realtime": {"margin": 1.0}, "models": {"folders": [str(place / "models")]}, "engine": engine}


@pytest.fixture(params=["threads", "processes"], scope="module")
def daemon(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    with folder() as place, running(config(place, request.param), home=place) as daemon:
        yield daemon


@asynccontextmanager
async def listening(client: Client, name: str, *stems: str, way: bool = True) -> AsyncIterator[list[Subscription]]:
    async with AsyncExitStack() as stack:
        wanted = (client.subscribe(name, stem, delivery="lossless", credit=64, way=way) for stem in stems)
        yield [await stack.enter_async_context(one) for one in wanted]


async def play(address: str, name: str, mixture: Float32Array, timing: Timing = "free") -> list[StemBlock]:
    """Play a stream through the unruly network; what is heard of it."""
    plan = Plan(HOP, HOP, 0, 0)
    async with Client(address) as client, listening(client, name, "s0") as [subscription]:
        heard = asyncio.create_task(collect(subscription))
        async with client.open(name, rate=RATE, block=BLOCK, timing=timing, plan=plan, model="unruly") as stream:
            await send_in_time(stream, mixture, RATE, BLOCK, timing)
        return await heard


def busy(seconds: float, segment: int) -> Float32Array:
    """A recording of which one segment keeps the network busy for about so long."""
    mixture = noise(SEGMENTS * HOP)
    mixture[0, segment * HOP + HOP // 2] = BUSY + seconds
    return mixture


def way(header: Stem) -> Way:
    """It must have one."""
    assert header.way is not None, f"the block at {header.position} has no way"
    return header.way


def ascend(block: StemBlock) -> bool:
    """Whether the points do, up to the receive call."""
    points = [*astuple(way(block.header)), block.received_ns]
    return points == sorted(points)


def test_one_slow_segment_shows_in_the_blocks_that_waited_for_it_and_in_no_others(daemon: Daemon, name: str) -> None:
    heard = asyncio.run(play(daemon.address, name, busy(0.5, SLOW)))
    assert heard[-1].header.position + BLOCK == SEGMENTS * HOP
    network: dict[int, set[int]] = {}
    for block in heard:
        assert ascend(block)
        assert block.header.capture_ns <= way(block.header).arrived
        points = way(block.header)
        segment = (block.header.position + block.header.frames - 1) // HOP
        network.setdefault(segment, set()).add(points.network_ended - points.network_begun)
    assert all(len(durations) == 1 for durations in network.values()), "a segment runs once for all its blocks"
    assert max(network, key=lambda segment: max(network[segment])) == SLOW
    assert max(network[SLOW]) > 100_000_000


def test_blocks_of_a_realtime_stream_have_a_way_unless_they_are_degraded(daemon: Daemon, name: str) -> None:
    heard = asyncio.run(play(daemon.address, name, noise(SEGMENTS * HOP), "realtime"))
    told = [block for block in heard if "degraded" not in block.header.flags]
    assert told
    assert all(ascend(block) for block in told)
    assert all(block.header.way is None for block in heard if block not in told)


def test_segments_of_two_streams_that_come_together_wait_for_each_other(daemon: Daemon, name: str) -> None:
    async def both() -> list[list[StemBlock]]:
        return await asyncio.gather(
            *(play(daemon.address, f"{name}-{number}", busy(0.4, 0)[:, :HOP]) for number in range(2))
        )

    ways = sorted((way(heard[-1].header) for heard in asyncio.run(both())), key=lambda each: each.begun)
    first, second = ways
    assert second.begun >= first.ended
    assert second.submitted < first.ended, "they did not come together, so this shows nothing"
    assert second.begun - second.submitted >= first.ended - second.submitted


def test_only_stems_with_an_estimate_have_a_way_and_nothing_else_changes(daemon: Daemon, name: str) -> None:
    stems = ("vocals", "instrumental", "out", "mix")

    async def listen(client: Client, *, asks: bool) -> list[list[StemBlock]]:
        async with listening(client, name, *stems, way=asks) as subscriptions:
            return list(await asyncio.gather(*map(collect, subscriptions)))

    async def talk() -> list[list[list[StemBlock]]]:
        async with Client(daemon.address) as client:
            heard = [asyncio.create_task(listen(client, asks=asks)) for asks in (True, False)]
            while len((await client.status())["pending"]) < len(stems) * len(heard):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
            async with client.open(name, rate=RATE, block=BLOCK, timing="free", plan=WIRE_PLAN) as stream:
                await send(stream, recording(100_000, RATE), BLOCK)
            return [await task for task in heard]

    asked, not_asked = asyncio.run(talk())
    for stem, told, untold in zip(stems, asked, not_asked, strict=True):
        assert len(told) == len(untold) > 0
        for one, other in zip(told, untold, strict=True):
            assert other.header.way is None
            assert replace(one.header, way=None, subscription=0) == replace(other.header, subscription=0)
            assert np.array_equal(one.samples, other.samples)
            assert one.header.way is None if stem == "mix" else ascend(one)


def test_a_client_without_await_is_told_the_way_too(daemon: Daemon, name: str) -> None:
    with (
        sync.Client(daemon.address) as client,
        client.subscribe(name, "vocals", delivery="lossless", way=True) as subscription,
    ):
        with client.open(name, rate=RATE, timing="free", plan=WIRE_PLAN, block=RATE) as stream:
            stream.send(recording(RATE, RATE))
        assert all(ascend(block) for block in subscription)
        assert subscription.end is not None
        assert subscription.end.way is None
