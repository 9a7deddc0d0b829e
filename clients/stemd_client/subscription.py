"""A subscription to one stem of a stream."""

import asyncio
import dataclasses
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from stemd.audio import BYTES_PER_SAMPLE, Float32Array, Int16Array, decode_pcm
from stemd.errors import ProtocolError, StemdError
from stemd.protocol import Credit, Stem, Subscribe, Subscribed, Unsubscribe
from stemd_client.connection import Connection, again
from stemd_client.inbox import Inbox

_RETRY: Final = 0.005


@dataclass(frozen=True, slots=True, eq=False)
class StemBlock:
    """A block of a stem: `samples` (channels, frames), float32 or int16 as subscribed.

    `received_ns` is this host's monotonic clock right after the receive call.
    """

    header: Stem
    samples: Float32Array | Int16Array
    received_ns: int


class Subscription:
    """The blocks of a stem: `async for block in client.subscribe(...)`, once.

    To be sure that it stands before something else happens, enter it first: `async with client.subscribe(...) as sub`,
    then `async for block in sub`. It stops after the stream's end.

    Blocks wait here until they are taken, never more than `credit` of them: the daemon sends no further ones before
    half of them were taken. What overflow does is the daemon's `delivery`: `live` drops its oldest blocks, and
    `header.dropped` says how many so far; `lossless` holds.

    Attributes:
        position: the first frame to come; None while the stream is not open.
        end: the last header, after the iterator has stopped: `position` is the stream's length, `flags` may say `cut`.
    """

    def __init__(self, connection: Connection, inbox: Inbox, request: Subscribe):
        self._connection = connection
        self._inbox = inbox
        self._request = request
        self._number: int | None = None
        self._waiting: deque[tuple[Stem, memoryview, int]] = deque()
        self._news = asyncio.Event()
        self._fault: StemdError | None = None
        self._over = False
        self._arrived = self._taken = 0
        self._granted = request.credit
        self.position: int | None = None
        self.end: Stem | None = None

    async def __aenter__(self) -> "Subscription":
        if self._number is not None or self._over:
            raise RuntimeError("a subscription serves once; subscribe again")
        welcome = self._connection.welcome
        if self._request.way and welcome is not None and "way" not in welcome.capabilities:
            raise ProtocolError(f"{welcome.daemon} cannot tell the way of its blocks: update it, or do without `way`")
        with self._inbox.expecting():
            request = dataclasses.replace(self._request, request=self._connection.number())
            reply = await self._connection.request(request, Subscribed)
            self._number, self.position = reply.subscription, reply.position
            self._inbox.add(reply.subscription, self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        self._leave()

    def _leave(self) -> None:
        if self._number is not None and self._inbox.subscriptions.pop(self._number, None) is not None:
            # Nothing to wait for: requests are served in order, and blocks on their way are dropped here.
            self._connection.post(Unsubscribe(self._connection.number(), self._number))

    def __aiter__(self) -> AsyncIterator[StemBlock]:
        return self._once() if self._number is None else self

    async def _once(self) -> AsyncIterator[StemBlock]:
        async with self:
            async for block in self:
                yield block

    async def __anext__(self) -> StemBlock:
        block = await self.take()
        if block is None:
            raise StopAsyncIteration
        return block

    async def take(self) -> StemBlock | None:
        """The next block; None after the end. What is here already comes before a fault is raised.

        Raises:
            SubscriberStalled: the daemon dropped this subscription.
            ConnectionLostError: the daemon is gone.
            ProtocolError: the daemon broke the rules of credit or sequence.
        """
        while not self._waiting:
            if self._over:
                return None
            if self._fault is not None:
                raise again(self._fault)
            self._connection.check()
            if self._pay():
                self._news.clear()
                await self._news.wait()
            else:
                await asyncio.sleep(_RETRY)
        header, pcm, received_ns = self._waiting.popleft()
        if "end" in header.flags:
            self.end, self._over = header, True
            return None
        self._taken = header.sequence + 1
        self._pay()
        return StemBlock(header, _samples(header, pcm), received_ns)

    def _pay(self) -> bool:
        """Give new credit once half of the old is used; False where it could not be sent yet."""
        until = self._taken + self._request.credit
        if until - self._granted < max(1, self._request.credit // 2):
            return True
        if self._number is None or not self._connection.post(Credit(self._number, until)):
            return False
        self._granted = until
        return True

    def on_block(self, header: Stem, pcm: memoryview, received_ns: int) -> None:
        """Keep a block until it is taken."""
        last = "end" in header.flags
        if header.sequence != self._arrived:
            self._refuse(f"block {header.sequence} of {header.stem!r} came where {self._arrived} was due")
        elif header.sequence >= self._granted and not last:
            self._refuse(f"block {header.sequence} of {header.stem!r} came without credit")
        else:
            self._waiting.append((header, pcm, received_ns))
            self._arrived += 1
            if last:
                del self._inbox.subscriptions[header.subscription]
            self._news.set()

    def _refuse(self, text: str) -> None:
        self._leave()
        self.on_fault(ProtocolError(text))

    def on_fault(self, error: StemdError) -> None:
        """The subscription is over; the fault is raised once the blocks before it are taken."""
        self._fault = self._fault or error
        if self._number is not None:
            self._inbox.subscriptions.pop(self._number, None)
        self._news.set()

    def on_lost(self) -> None:
        """The connection has an error."""
        self._news.set()


def _samples(header: Stem, pcm: memoryview) -> Float32Array | Int16Array:
    if len(pcm) != header.frames * header.channels * BYTES_PER_SAMPLE[header.format]:
        raise ProtocolError(f"{len(pcm)} bytes of {header.format} came for {header.frames} frames of {header.stem!r}")
    if header.format == "f32le":
        return decode_pcm(pcm, header.channels, "f32le")
    samples: Int16Array = np.array(np.frombuffer(pcm, "<i2").reshape(-1, header.channels).T, np.int16, order="C")
    return samples
