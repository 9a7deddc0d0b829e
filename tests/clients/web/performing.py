"""`stemd web` as people start it, and a source that plays in real time for it."""

import asyncio
import re
import select
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from stemd.audio import Float32Array
from stemd_client import Client, StemBlock, Stream
from tests.end_to_end.reference import WIRE_PLAN, recording

RATE = 44_100
SIZE = 882
ROOMY = {"realtime": {"margin": 0.8}}  # how busy the machine is, is no question here
PATIENCE = 30.0


class Server:
    """A `stemd web` that runs."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "stemd", "web", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @property
    def url(self) -> str:
        """The address that it prints."""
        assert self.process.stdout is not None
        there, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert there, "stemd web said nothing"
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found, self.process.communicate()
        return found[0]

    def end(self) -> tuple[int, str]:
        """End it as Ctrl-C does; exit status and stderr."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """Let it run; its address. That it ends cleanly and complains of nothing is part of every test."""
    server = Server(*arguments)
    try:
        yield server.url
        assert server.end() == (0, "")
    finally:
        server.process.kill()
        server.process.communicate()


@asynccontextmanager
async def playing(
    address: str, name: str = "desk", *, rate: int = RATE, seed: int = 5, client: Client | None = None
) -> AsyncIterator[Stream]:
    """A stream that is fed at its own pace, with a recording again and again."""
    own = client or Client(address)
    size = rate // 50
    async with own, own.open(name, rate=rate, block=size, plan=WIRE_PLAN) as stream:
        feeding = asyncio.create_task(_feed(stream, recording(30 * rate, rate, seed=seed), size, rate))
        try:
            yield stream
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)


async def _feed(stream: Stream, mixture: Float32Array, size: int, rate: int) -> None:
    began = time.monotonic() - stream.position / rate
    while True:
        await asyncio.sleep(began + (stream.position + size) / rate - time.monotonic())
        at = stream.position % (mixture.shape[1] - size)
        await stream.send(mixture[:, at : at + size])


@asynccontextmanager
async def heard(address: str, stem: str, stream: str = "desk") -> AsyncIterator[list[StemBlock]]:
    """Everything that a stem gives meanwhile."""
    blocks: list[StemBlock] = []

    async def collect(client: Client) -> None:
        async with client.subscribe(stream, stem, delivery="lossless", credit=256) as subscription:
            while block := await subscription.take():
                blocks.append(block)

    async with Client(address) as client:
        collecting = asyncio.create_task(collect(client))
        try:
            yield blocks
        finally:
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)
