"""Realtime sources that pause, on the real daemon: the stream goes on without them, and takes them back."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd_client import Client, StemBlock
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.raw import Raw, connected
from tests.end_to_end.reference import WIRE_PLAN, recording
from tests.end_to_end.streaming import collect, headers_are_in_order, listening

RATE = 44_100
PAUSE_AT, AFTER = 0.6, 1.2  # seconds of sound before the pause and after it
MARGIN = 0.5  # roomy: these laws are not about how busy the machine is
LOOSE = 2.0  # seconds by which a block may be late on a machine that does other things too


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running({"realtime": {"margin": MARGIN}}) as daemon:
        yield daemon


@dataclass(repr=False)
class Visit:
    """What a source sent that paused, by position, and what was heard of it."""

    block: int
    pause: float
    sent: dict[int, Float32Array] = field(default_factory=dict)
    mix: list[StemBlock] = field(default_factory=list)
    skipped: int = 0
    latency: int = 0
    state: dict[str, Any] = field(default_factory=dict)


async def visit(client: Client, name: str, block: int, pause: float) -> Visit:
    """Sound, a pause, and sound again from wherever the client then is; no network runs, for `mix` alone is heard."""
    sound = recording(round((PAUSE_AT + pause + AFTER + 3) * RATE), RATE, seed=block)
    seen = Visit(block, pause)
    async with listening(client, name, ("mix", "f32le")) as sub:
        task = asyncio.create_task(collect(sub))
        async with client.open(name, rate=RATE, block=block, plan=WIRE_PLAN, stems=()) as stream:
            seen.latency = stream.opened.latency
            for seconds, rest in ((PAUSE_AT, pause), (AFTER, 0.0)):
                began = time.monotonic()
                for n in range(round(seconds * RATE) // block):
                    await asyncio.sleep(began + n * block / RATE - time.monotonic())
                    at = stream.position
                    seen.sent[at] = sound[:, at : at + block]
                    await stream.send(seen.sent[at])
                await asyncio.sleep(rest)
            [seen.state] = [s for s in (await client.status())["streams"] if s["stream"] == name]
            seen.skipped = stream.skipped
        seen.mix = await task
    return seen


@pytest.fixture(scope="module")
def visits(daemon: Daemon) -> list[Visit]:
    """Big blocks and small ones, a hiccup and pauses, side by side."""

    async def all_of_them() -> list[Visit]:
        async with asyncio.timeout(60), AsyncExitStack() as stack:
            wanted = [(44, 0.3), (441, 0.05), (441, 2.0), (4_410, 0.5)]
            clients = [await stack.enter_async_context(Client(daemon.address)) for _ in wanted]
            both = zip(clients, wanted, strict=True)
            return await asyncio.gather(*(visit(c, f"pause-{n}", *w) for n, (c, w) in enumerate(both)))

    return asyncio.run(all_of_them())


def test_the_timeline_goes_on_and_gaps_are_flagged_exactly_where_nothing_came(visits: list[Visit]) -> None:
    for seen in visits:
        headers_are_in_order(seen.mix, seen.mix[-1].header.position + seen.mix[-1].header.frames)
        for block in seen.mix:
            came = seen.sent.get(block.header.position)
            if "gap" in block.header.flags:
                assert not block.samples.any()
            else:
                assert came is not None
                assert np.array_equal(block.samples, came[:, : block.samples.shape[1]])
            due = block.header.capture_ns / 1e9 + seen.latency / RATE
            assert -0.001 <= block.received_ns / 1e9 - due < LOOSE


def test_a_pause_is_skipped_by_the_client_and_counted(visits: list[Visit]) -> None:
    for seen in visits:
        gap = sum(block.header.frames for block in seen.mix if "gap" in block.header.flags)
        if seen.pause > 0.1:
            assert seen.skipped / RATE >= seen.pause - 2 * seen.block / RATE - 0.15
            assert seen.state["gaps"] >= 1
        late = seen.state["late"] * seen.block
        assert abs(gap - seen.skipped) <= late + 3 * seen.block + RATE // 20


def test_after_a_pause_blocks_are_taken_again(visits: list[Visit]) -> None:
    for seen in visits:
        after = round(AFTER * RATE) // seen.block
        assert seen.state["late"] <= after // 2, "the daemon refuses for ever what comes late for ever"
        heard = {block.header.position for block in seen.mix if "gap" not in block.header.flags}
        resumed = [position for position in list(seen.sent)[-after:] if position in heard]
        assert len(resumed) >= after // 2


@pytest.fixture
def raw(daemon: Daemon) -> Iterator[Raw]:
    with connected(daemon.address) as raw:
        yield raw


def test_a_client_that_does_not_know_of_moved_is_waited_for(raw: Raw, name: str) -> None:
    mix = raw.listen(name, "mix")
    raw.opened(name, timing="realtime", rate=RATE, block=441, stems=())
    sound = recording(60 * 441, RATE, seed=3)
    began = time.monotonic()
    for n in range(60):
        if n == 30:
            began += 0.5  # the pause
        while (left := began + n * 441 / RATE - time.monotonic()) > 0:
            raw.take(left)
        raw.mixture(name, n * 441, sound[:, n * 441 : (n + 1) * 441])
    state = raw.stream(name)
    assert state
    assert (state["late"], state["gaps"]) == (0, 0)
    assert state["jumps"] >= 1, "the time base moves with it"
    raw.closing(name)
    [heard] = raw.take_until_end(mix)
    assert np.array_equal(heard.samples, sound)
    assert not any("gap" in header.flags for header in heard.headers)
    assert not [m for m in raw.passed if type(m).__name__ == "Moved"]
