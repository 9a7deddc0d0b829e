"""One browser that hears one stem."""

import asyncio
import json
import socket
from collections import deque
from typing import Final

from aiohttp import web

from stemd.audio import Format
from stemd_client.subscription import StemBlock
from stemd_client.web.attending import answered, attend
from stemd_client.web.blocks import encode
from stemd_client.web.taps import Taps

BACKLOG_SECONDS: Final = 1.0  # that wait for a browser which does not read; then its oldest blocks are dropped
_SEND_BUFFER: Final = 262_144  # bytes in this kernel beyond those, which would take many seconds otherwise
FORMATS: Final[dict[str, Format]] = {"f32": "f32le", "s16": "s16le"}


class Ear:
    """What waits to be sent to one browser: never more than a second of blocks, the oldest dropped and counted."""

    def __init__(self, fmt: Format) -> None:
        self._format = fmt
        self._waiting: deque[tuple[StemBlock, int]] = deque()
        self._seconds = 0.0
        self._incarnation: str | None = None
        self._epoch = 0
        self._lost = 0
        self._words: str | None = None
        self._news = asyncio.Event()
        self.over = False

    def take(self, block: StemBlock) -> None:
        """Keep a block until it is sent."""
        header = block.header
        if header.incarnation != self._incarnation:
            self._incarnation = header.incarnation
            self._epoch += 1
        self._waiting.append((block, self._epoch))
        self._words = None  # it rests no longer
        self._seconds += header.frames / header.rate
        while self._seconds > BACKLOG_SECONDS and len(self._waiting) > 1:
            self._pop()
            self._lost += 1
        self._news.set()

    def _pop(self) -> tuple[StemBlock, int]:
        block, epoch = self._waiting.popleft()
        self._seconds -= block.header.frames / block.header.rate
        return block, epoch

    def rest(self, why: str) -> None:
        """See `Listener`; only the newest words are kept."""
        self._words = json.dumps({"kind": "rest", "text": why})
        self._news.set()

    def fault(self, text: str) -> None:
        """See `Listener`."""
        self._words = json.dumps({"kind": "fault", "text": text})
        self.over = True
        self._news.set()

    async def next(self) -> bytes | str:
        """What is to be sent next: blocks before words."""
        while self.empty:
            self._news.clear()
            await self._news.wait()
        if self._waiting:
            block, epoch = self._pop()
            return encode(block, self._format, epoch, block.header.dropped + self._lost)
        words, self._words = self._words or "", None
        return words

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return self._words is None and not self._waiting


async def hear(request: web.Request, taps: Taps, stream: str, stem: str, fmt: Format) -> web.WebSocketResponse:
    """Send a stem to a browser until one of the two has had enough."""
    if request.transport is not None and (connection := request.transport.get_extra_info("socket")):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    browser = await answered(request, most_bytes=1_024, compress=False)
    ear = Ear(fmt)
    with taps.heard(stream, stem, ear):
        await attend(browser, _send(browser, ear), _ignore)
    return browser


async def _send(browser: web.WebSocketResponse, ear: Ear) -> None:
    while not (ear.over and ear.empty):
        what = await ear.next()
        await (browser.send_bytes(what) if isinstance(what, bytes) else browser.send_str(what))
    await browser.close()


async def _ignore(_: str) -> None:
    """A listener has nothing to say."""
