"""Streams in real time: every block at its time, no sooner, at a latency that is declared once and kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp.mixing import residual
from stemd.protocol import Opened
from stemd_client import Client, StemBlock
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.reference import WIRE_PLAN, offline, recording
from tests.end_to_end.streaming import Wanted, collect, headers_are_in_order, joined, listening

RATE = 48_000
SIZE = 480
SECONDS = 3
MARGIN = 0.5  # roomy: these laws are not about how busy the machine is
GAP = range(120, 140)  # blocks that are never sent
WANTED: tuple[Wanted, ...] = (("mix", "f32le"), ("vocals", "f32le"), ("instrumental", "f32le"), ("mix", "s16le"))
MILLISECOND = 1_000_000
LOOSE = 2_000 * MILLISECOND  # how late a block may be on a machine that does other things too


@dataclass(repr=False)  # else asyncio would print all of it while it ends
class Concert:
    """What came of a recording that was sent at its own pace."""

    mixture: Float32Array
    opened: Opened
    heard: list[list[StemBlock]]
    sent: dict[int, int]
    received: int


async def play(daemon: Daemon) -> Concert:
    """A source with a clock of its own: each block is sent when its last frame would have been captured."""
    mixture, sent = recording(SECONDS * RATE, RATE, seed=31), {}
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(daemon.address))
        subs = [await stack.enter_async_context(listening(client, "concert", one)) for one in WANTED]
        tasks = [asyncio.create_task(collect(sub)) for sub in subs]
        async with client.open("concert", rate=RATE, block=SIZE, plan=WIRE_PLAN) as stream:
            began = time.monotonic()
            for k in range(mixture.shape[1] // SIZE):
                await asyncio.sleep(began + (k + 1) * SIZE / RATE - time.monotonic())
                sent[k * SIZE] = time.monotonic_ns()
                if k in GAP:
                    stream.position += SIZE
                else:
                    await stream.send(mixture[:, k * SIZE : (k + 1) * SIZE], source_ns=-k)
        mixture[:, GAP.start * SIZE : GAP.stop * SIZE] = 0
        return Concert(mixture, stream.opened, await asyncio.gather(*tasks), sent, (await stream.close()).position)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running({"realtime": {"margin": MARGIN}}) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def concert(daemon: Daemon) -> Concert:
    return asyncio.run(play(daemon))


def test_every_block_comes_in_order_and_none_is_lost(concert: Concert) -> None:
    for heard in concert.heard:
        headers_are_in_order(heard, SECONDS * RATE)
    assert concert.received == SECONDS * RATE


def test_what_comes_is_the_mixture_and_the_networks_estimate_unless_it_says_otherwise(concert: Concert) -> None:
    mix, vocals, instrumental, _ = concert.heard
    assert np.array_equal(joined(mix), concert.mixture)
    assert np.array_equal(joined(instrumental), residual(concert.mixture, [joined(vocals)]))
    expected = offline(concert.mixture, RATE)
    trusted = [block for block in vocals if "degraded" not in block.header.flags]
    assert trusted, "the machine is so busy that not one segment was ready in time"
    for block in trusted:
        at = slice(block.header.position, block.header.position + block.header.frames)
        assert np.array_equal(block.samples, expected[:, at])


def test_a_gap_is_flagged_and_moves_nothing(concert: Concert) -> None:
    for heard in concert.heard:
        gaps = [block.header.position // SIZE for block in heard if "gap" in block.header.flags]
        assert gaps == list(GAP)


def test_the_latency_is_declared_once_and_stands_in_every_header(concert: Concert) -> None:
    assert concert.opened.until is None
    assert concert.opened.latency > SIZE
    latencies = {block.header.latency for heard in concert.heard for block in heard}
    assert latencies == {concert.opened.latency}


def test_no_block_leaves_before_its_time(concert: Concert) -> None:
    for heard in concert.heard:
        for block in heard:
            due = block.header.capture_ns + concert.opened.latency * 1_000_000_000 // RATE
            assert -MILLISECOND <= block.received_ns - due < LOOSE


def test_the_time_base_is_that_of_the_source(concert: Concert) -> None:
    """T(p) runs at the source's rate, near the times of arrival, and is the same for every stem."""
    mix, *others = concert.heard
    times = {block.header.position: block.header.capture_ns for block in mix}
    for heard in others:
        for block in heard:
            assert abs(block.header.capture_ns - times[block.header.position]) < MILLISECOND
    captured = np.array([times[k * SIZE] for k in range(len(times))], np.float64)
    steps = np.diff(captured) * RATE / SIZE / 1e9
    assert np.abs(np.median(steps) - 1) < 0.01
    late = captured - np.array([concert.sent[k * SIZE] for k in range(len(times))])
    assert np.abs(np.median(late)) < 50 * MILLISECOND


def test_source_times_come_back_untouched(concert: Concert) -> None:
    for heard in concert.heard:
        for block in heard:
            k = block.header.position // SIZE
            assert block.header.source_ns == (None if k in GAP else -k)


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with Client(daemon.address) as client:
        yield client


async def test_streams_of_a_kind_are_promised_latencies_that_grow_with_their_number(client: Client, name: str) -> None:
    async with AsyncExitStack() as stack:
        latencies = []
        for k in range(3):
            stream = client.open(f"{name}-{k}", rate=RATE, block=SIZE, plan=WIRE_PLAN)
            latencies.append((await stack.enter_async_context(stream)).opened.latency)
        load = (await client.status())["load"]
    assert latencies == sorted(set(latencies)), "each has room for one segment more"
    assert 0 < load < 1
    assert (await client.status())["load"] == 0


async def test_a_stream_that_is_closed_before_its_first_block_ends_at_once(client: Client, name: str) -> None:
    async with asyncio.timeout(5), client.subscribe(name, "vocals", delivery="lossless") as sub:
        async with client.open(name, rate=RATE, block=SIZE, plan=WIRE_PLAN):
            pass
        assert [block async for block in sub] == []
        assert sub.end is not None
        assert (sub.end.position, sub.end.flags) == (0, ("end",))
