"""An hour of audio through the daemon: nothing is lost, moved or changed on the way, and nothing piles up."""

import asyncio
from collections.abc import Callable, Iterator

import numpy as np
import psutil
import pytest

from stemd.audio import Float32Array
from stemd_bench.overhead.copying import write_model
from stemd_bench.overhead.plan import NAME, STEM
from stemd_client import Client, Plan
from tests.end_to_end.process import Daemon, running

RATE = 44_100
BLOCK = 8_820
SECONDS = 3_600
PLAN = Plan(segment=8_820, hop=4_410, overlap=0, lookahead=882)
PATTERN = 500_009  # frames; a prime, so that no block sees the same frames twice
SETTLED, GROWTH = 0.05, 6 * 2**20  # share of the hour after which memory counts, and bytes by which it may grow


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    models = tmp_path_factory.mktemp("models")
    write_model(models)
    config = {"plan": "", "plans": {}, "engine": {"threads": 1}}
    with running({**config, "models": {"default": NAME, "folders": [str(models)]}}) as daemon:
        yield daemon


class Endless:
    """Noise without end, of which any part can be had: (2, frames) from a position on."""

    def __init__(self) -> None:
        noise = np.random.default_rng(60).uniform(-1, 1, (2, PATTERN)).astype(np.float32)
        self._noise = np.concatenate([noise, noise[:, :BLOCK]], axis=1)

    def part(self, position: int, frames: int) -> Float32Array:
        at = position % PATTERN
        return self._noise[:, at : at + frames]


async def send(client: Client, sound: Endless, frames: int) -> None:
    stream = client.open("hour", rate=RATE, channels=2, block=BLOCK, timing="free", plan=PLAN)
    async with stream:
        for position in range(0, frames, BLOCK):
            await stream.send(sound.part(position, min(BLOCK, frames - position)))


async def hear(client: Client, sound: Endless, look: Callable[[int], None]) -> int:
    """The frames that came, each compared with the one that was sent."""
    at = 0
    async with client.subscribe("hour", STEM, delivery="lossless", credit=64) as heard:
        async for block in heard:
            frames = block.samples.shape[1]
            assert block.header.position == at
            assert block.header.dropped == 0
            assert np.array_equal(block.samples, sound.part(at, frames)), f"changed after frame {at}"
            at += frames
            look(at)
    return at


async def hour(daemon: Daemon) -> tuple[int, list[int]]:
    """Frames heard, and the daemon's resident memory after each minute of audio."""
    frames, sound, memory = SECONDS * RATE, Endless(), [0]
    process = psutil.Process(daemon.process.pid)

    def look(at: int) -> None:
        if at // (60 * RATE) >= len(memory):
            memory.append(process.memory_info().rss)

    async with asyncio.timeout(280), Client(daemon.address) as client:
        listening = asyncio.create_task(hear(client, sound, look))
        sending = asyncio.create_task(send(client, sound, frames))
        heard, _ = await asyncio.gather(listening, sending)
    return heard, memory[1:]


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_an_hour_comes_back_to_the_bit_in_its_place_and_memory_does_not_grow(daemon: Daemon) -> None:
    heard, memory = asyncio.run(hour(daemon))
    assert heard == SECONDS * RATE
    settled = memory[round(SETTLED * len(memory)) :]
    print(f"resident memory in MiB by the minute: {', '.join(f'{rss / 2**20:.0f}' for rss in memory[::10])}")
    assert max(settled) - settled[0] <= GROWTH
