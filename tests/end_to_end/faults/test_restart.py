"""The daemon is killed and started again under its clients: they come back, and everything begins anew."""

import asyncio
import signal

import numpy as np
import pytest

from stemd.dsp.mixing import residual
from stemd.errors import ConnectionLostError
from stemd_client import Client, StemBlock, stay_connected
from tests.end_to_end.faults.playing import ROOMY
from tests.end_to_end.process import Daemon, folder
from tests.end_to_end.reference import WIRE_PLAN, offline, recording
from tests.end_to_end.streaming import headers_are_in_order, joined
from tests.waiting import until

pytestmark = pytest.mark.slow

RATE, BLOCK = 48_000, 960
STEMS = ("mix", "vocals", "instrumental")
LIVES = 3
MIXTURES = [recording(5 * RATE, RATE, seed=seed) for seed in range(LIVES)]


class Show:
    """A source and a listener for each stem, each a client of its own that outlives the daemon."""

    def __init__(self, daemons: list[Daemon]) -> None:
        self.address = daemons[0].address
        self.daemons = daemons
        self.heard: dict[str, list[list[StemBlock]]] = {stem: [] for stem in STEMS}
        self.sent: list[int] = []

    async def source(self, client: Client) -> None:
        """Feed the recording of this life; all of them but the last are cut short by the death of the daemon."""
        mixture = MIXTURES[len(self.sent)]
        self.sent.append(0)
        life = len(self.sent)
        await until(lambda: all(len(heard) == life for heard in self.heard.values()), "everybody listens")
        async with client.open("show", rate=RATE, block=BLOCK, plan=WIRE_PLAN, timing="realtime") as stream:
            began = asyncio.get_running_loop().time()
            while self.sent[-1] < mixture.shape[1]:
                await asyncio.sleep(began + self.sent[-1] / RATE - asyncio.get_running_loop().time())
                await stream.send(mixture[:, self.sent[-1] : self.sent[-1] + BLOCK])
                self.sent[-1] += BLOCK
                if self.sent[-1] == 4 * RATE and life < LIVES:
                    self.daemons[-1].signal(signal.SIGKILL)

    async def listener(self, client: Client, stem: str) -> None:
        """Keep what comes in this life."""
        blocks: list[StemBlock] = []
        async with client.subscribe("show", stem, delivery="lossless", credit=512) as subscription:
            self.heard[stem].append(blocks)
            async for block in subscription:
                blocks.append(block)  # noqa: PERF401 - what came is there even if the daemon dies

    def lost(self, fault: ConnectionLostError) -> None:
        """Start the daemon again, once for each death."""
        if self.daemons[-1].process.poll() is not None:
            self.daemons[-1].wait()
            self.daemons.append(Daemon(self.daemons[0].folder, {"realtime": ROOMY}))

    async def run(self) -> None:
        """Until the last recording has been heard."""
        options = {"address": self.address, "ping_interval": 0.2}
        listeners = [
            stay_connected(lambda client, s=stem: self.listener(client, s), self.lost, **options) for stem in STEMS
        ]
        await asyncio.gather(stay_connected(self.source, self.lost, **options), *listeners)


async def test_each_life_is_an_incarnation_of_its_own_from_the_first_frame_on() -> None:
    with folder() as place:
        daemons = [Daemon(place, {"realtime": ROOMY})]
        try:
            await asyncio.to_thread(daemons[0].wait_until_ready)
            show = Show(daemons)
            async with asyncio.timeout(90):
                await show.run()
            assert len(daemons) == len(show.sent) == LIVES
            daemons[-1].stop()
        finally:
            for daemon in daemons:
                daemon.kill()
    seen = set()
    for life, mixture in enumerate(MIXTURES):
        whole = life == LIVES - 1
        vocals = offline(mixture, RATE)
        expected = {"mix": mixture, "vocals": vocals, "instrumental": residual(mixture, [vocals])}
        incarnations = set()
        for stem in STEMS:
            blocks = [block for block in show.heard[stem][life] if block.header.frames]
            assert blocks, f"nothing of {stem} in life {life}"
            length = blocks[-1].header.position + BLOCK
            assert (length == mixture.shape[1]) is whole
            headers_are_in_order(blocks, length)
            assert {flag for block in blocks for flag in block.header.flags} <= {"start"}
            assert np.array_equal(joined(blocks), expected[stem][:, :length])
            incarnations |= {block.header.incarnation for block in blocks}
        assert len(incarnations) == 1
        assert not incarnations & seen
        seen |= incarnations


async def feed(address: str, died: Daemon) -> None:
    """Feed a stream, whose daemon is killed, for ever."""
    options = {"rate": RATE, "block": BLOCK}
    async with Client(address, ping_interval=0.2) as client, client.open("show", **options) as stream:
        died.signal(signal.SIGKILL)
        while True:
            await stream.send(np.zeros((2, BLOCK), np.float32))
            await asyncio.sleep(BLOCK / RATE)


async def test_who_feeds_a_dead_daemon_hears_of_it() -> None:
    with folder() as place:
        daemon = Daemon(place, {"realtime": ROOMY})
        try:
            await asyncio.to_thread(daemon.wait_until_ready)
            with pytest.raises(ConnectionLostError, match="no longer answers"):
                async with asyncio.timeout(10):
                    await feed(daemon.address, daemon)
        finally:
            daemon.kill()
