"""`stemd mix`, on a real daemon."""

import asyncio
import json
import sys
from typing import Any

import pytest

from stemd_client import Client
from tests.end_to_end.process import Daemon

RATE = 48_000


async def mix(daemon: Daemon, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "stemd", "mix", *arguments, "--address", daemon.address]
    process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def controls(client: Client, name: str) -> dict[str, Any]:
    [stream] = [s for s in (await client.status())["streams"] if s["stream"] == name]
    return {key: stream[key] for key in ("gains", "mute", "solo", "wet", "bypass")}


async def test_what_is_named_moves_and_the_rest_stays(daemon: Daemon, name: str) -> None:
    async with Client(daemon.address) as client, client.open(name, rate=RATE, block=480, timing="free"):
        _, out, _ = await mix(daemon, name, "--gain", "vocals=-6dB", "--mute", "rest", "--wet", "0.5", "--json")
        assert json.loads(out)["gains"]["vocals"] == pytest.approx(0.501, abs=1e-3)
        first = await controls(client, name)
        assert (first["mute"], first["wet"], first["bypass"]) == (["rest"], 0.5, False)
        _, out, _ = await mix(daemon, name, "--panic")
        assert "BYPASS" in out
        assert "-6.0 dB" in out
        assert await controls(client, name) == first | {"bypass": True}
        await mix(daemon, name, "--bypass", "off", "--mute", "", "--solo", "vocals")
        assert await controls(client, name) == first | {"mute": [], "solo": ["vocals"]}


async def test_a_stem_that_is_not_there_is_refused_and_nothing_moves(daemon: Daemon, name: str) -> None:
    async with Client(daemon.address) as client, client.open(name, rate=RATE, block=480, timing="free"):
        before = await controls(client, name)
        status, _, err = await mix(daemon, name, "--mute", "vocal")
        assert (status, len(err.splitlines())) == (1, 1)
        assert "did you mean 'vocals'" in err
        assert await controls(client, name) == before
