"""A fake daemon, for what a real one cannot be made to do: fall silent, break the rules, come from another time."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import zmq
import zmq.asyncio

from stemd.address import Address
from stemd.protocol import (
    MAJOR,
    Attach,
    Attached,
    Close,
    Closed,
    FromClient,
    FromDaemon,
    Hello,
    Open,
    Opened,
    Ping,
    Plan,
    Pong,
    State,
    Status,
    Stem,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    Welcome,
    from_client,
    to_frames,
)

PLAN = Plan(segment=400, hop=100, overlap=10, lookahead=20)
Script = Callable[[Any], list[FromDaemon]]


class FakeDaemon:
    """Answers as its scripts say, by the class of the request; keeps all that came, with the samples."""

    def __init__(self, address: Address):
        context = zmq.asyncio.Context.instance()
        self._sockets = [context.socket(zmq.ROUTER) for _ in range(2)]
        for socket, endpoint in zip(self._sockets, (address.requests, address.stems), strict=True):
            socket.setsockopt(zmq.LINGER, 0)
            socket.bind(endpoint)
        self.requests, self.stems = self._sockets
        self.peers: dict[zmq.asyncio.Socket, bytes] = {}
        self.came: list[tuple[FromClient, bytes]] = []
        self.until: int | None = None
        self.answers_pings = True
        self.news = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.scripts: dict[type, Script] = {
            Hello: lambda m: [Welcome(m.request, MAJOR, 0, "fake", "s1", ())],
            Attach: lambda m: [Attached(m.session)],
            Open: lambda m: [Opened(m.request, m.stream, "i1", "fake", 44_100, PLAN, ("a",), 1000, self.until)],
            Close: lambda m: [Closed(m.request, m.stream, self.frames(), False)],
            Subscribe: lambda m: [Subscribed(m.request, 7, None)],
            Unsubscribe: lambda m: [Unsubscribed(m.request, m.subscription)],
            Status: lambda m: [State(m.request, {"fake": True})],
            Ping: lambda m: [Pong(m.sent_ns, *[time.monotonic_ns()] * 2)] if self.answers_pings else [],
        }

    def frames(self) -> int:
        """The end of the last block that came, counting float32 stereo."""
        ends = [message.position + len(pcm) // 8 for message, pcm in self.came if message.kind == b"mixture"]
        return max(ends, default=0)

    def of(self, kind: type) -> list[Any]:
        """The messages of one class that came."""
        return [message for message, _ in self.came if isinstance(message, kind)]

    async def until_came(self, kind: type, count: int = 1) -> list[Any]:
        """Wait until `count` messages of a class came."""
        async with asyncio.timeout(5):
            while len(self.of(kind)) < count:
                self.news.clear()
                await self.news.wait()
        return self.of(kind)

    async def serve(self) -> None:
        await asyncio.gather(*(self._serve(socket) for socket in self._sockets))

    async def _serve(self, socket: zmq.asyncio.Socket) -> None:
        while await self.reads.wait():
            peer, *frames = await socket.recv_multipart()
            self.peers[socket] = peer
            message, pcm = from_client(frames)
            self.came.append((message, bytes(pcm)))
            self.news.set()
            for answer in self.scripts.get(type(message), lambda _: [])(message):
                await self.send(answer)

    async def send(self, message: FromDaemon, pcm: bytes = b"") -> None:
        socket = self.stems if isinstance(message, Stem | Attached) else self.requests
        await socket.send_multipart([self.peers[socket], *to_frames(message, pcm)])

    def close(self) -> None:
        for socket in self._sockets:
            socket.close()


def stem(sequence: int, *flags: Any, frames: int = 4, subscription: int = 7) -> Stem:
    """The header of a stereo float32 block."""
    size = 0 if "end" in flags else frames
    position = sequence * frames
    return Stem(
        subscription, "desk", "i1", "a", sequence, position, size, 48_000, 2, "f32le", 0, None, 1000, 0, tuple(flags)
    )


@asynccontextmanager
async def fake_daemon() -> AsyncIterator[tuple[FakeDaemon, str]]:
    """A fake daemon that serves, and its address."""
    folder = tempfile.mkdtemp(prefix="stemd-")  # short: a Unix socket's path has 107 bytes
    address = f"ipc://{folder}"
    daemon = FakeDaemon(Address.parse(address))
    task = asyncio.create_task(daemon.serve())
    try:
        yield daemon, address
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        daemon.close()
        shutil.rmtree(folder, ignore_errors=True)
