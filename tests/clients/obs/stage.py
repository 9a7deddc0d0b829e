"""A daemon, and somebody who plays into it for as long as OBS listens."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.protocol import Plan
from stemd_client import Client, StemBlock
from stemd_client.obs.folders import python_of_obs
from stemd_client.obs.install import install
from tests.clients.obs.studio import RATE
from tests.end_to_end.reference import recording
from tests.waiting import PATIENCE

BLOCK = 960
PLAN = Plan(131_072, 8_192, 0, 8_192)  # 0.37 s
STREAM = "desk"
MARGIN = {"realtime": {"margin": 0.05}}
STRETCH = 12  # seconds of music, over and over


class Player:
    """Plays in real time; `heard` are the blocks of the stem that a second listener got.

    Attributes:
        began: time.monotonic() of frame 0.
    """

    def __init__(self, client: Client, mixture: Float32Array, stem: str) -> None:
        self.heard: list[StemBlock] = []
        self.began = 0.0
        self.latency_ms = 0.0
        self.playing = asyncio.Event()
        self._client, self._mixture, self._stem = client, mixture, stem

    async def play(self) -> None:
        """For ever."""
        async with self._client.open(STREAM, rate=RATE, block=BLOCK, plan=PLAN) as stream:
            self.latency_ms = 1000 * stream.opened.latency / RATE
            self.began = time.monotonic()
            k = 0
            while True:
                await asyncio.sleep(self.began + (k + 1) * BLOCK / RATE - time.monotonic())
                at = k * BLOCK % self._mixture.shape[1]
                await stream.send(self._mixture[:, at : at + BLOCK])
                k += 1

    async def listen(self) -> None:
        """For ever."""
        async with self._client.subscribe(STREAM, self._stem, delivery="lossless", credit=256) as subscription:
            async for block in subscription:
                self.heard.append(block)
                self.playing.set()

    def samples(self) -> Float32Array:
        """The stem so far, (channels, frames)."""
        return np.concatenate([block.samples for block in self.heard], axis=1)


@asynccontextmanager
async def playing(address: str, mixture: Float32Array, stem: str) -> AsyncIterator[Player]:
    """Somebody plays a mixture, (channels, frames), over and over, and the stem is heard by a second listener."""
    async with Client(address) as client:
        player = Player(client, mixture, stem)
        tasks = [asyncio.create_task(player.listen()), asyncio.create_task(player.play())]
        try:
            async with asyncio.timeout(PATIENCE):
                await player.playing.wait()
            yield player
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def music() -> Float32Array:
    """Something to play, (channels, frames)."""
    return recording(STRETCH * RATE, RATE, seed=5)


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script as `stemd obs install-script` leaves it, for the Python of the installed OBS."""
    return install(tmp_path_factory.mktemp("obs") / "stemd", python_of_obs() or "3.11").script
