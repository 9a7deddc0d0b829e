"""`status` names the stems, and tells the level of each that is listened to, as its listeners could measure it."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from stemd.dsp.meter import PeakMeter
from stemd_client import Client
from tests.end_to_end.process import Daemon
from tests.end_to_end.reference import WIRE_PLAN, recording
from tests.end_to_end.streaming import listening, send

RATE, SIZE = 48_000, 960
LISTENED = ("mix", "vocals", "instrumental")


async def test_levels_are_those_of_what_has_left_and_of_nothing_else(daemon: Daemon, name: str) -> None:
    async with asyncio.timeout(30), Client(daemon.address) as client, AsyncExitStack() as stack:
        subs = [await stack.enter_async_context(listening(client, name, (stem, "f32le"))) for stem in LISTENED]
        stream = client.open(name, rate=RATE, block=SIZE, timing="free", plan=WIRE_PLAN)
        await stack.enter_async_context(stream)
        sending = asyncio.create_task(send(stream, recording(4 * RATE, RATE), SIZE))
        state = {}
        # Nobody takes a block, so the stream stands still once every subscription's credit is used up.
        while not (state and all(sub["waiting"] for sub in state["subscriptions"])):
            [state] = [s for s in (await client.status())["streams"] if s["stream"] == name]
        assert tuple(state["stems"]) == stream.opened.stems
        assert list(state["levels"]) == ["vocals", "mix", "instrumental"]
        for stem, sub in zip(LISTENED, subs, strict=True):
            meter, at = PeakMeter(RATE), 0
            while at < state["given"]:
                block = await sub.take()
                meter.push(block.samples)
                at += block.header.frames
            assert state["levels"][stem] == pytest.approx(meter.level, abs=0.06)
        reading = [asyncio.create_task(_drain(sub)) for sub in subs]
        await sending
        await stream.close()
        await asyncio.gather(*reading)


async def _drain(sub) -> None:
    async for _ in sub:
        pass
