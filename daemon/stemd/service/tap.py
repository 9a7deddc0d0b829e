"""The tap: stems on a PUB socket for listeners of five lines, best effort (off unless `server.tap` names an endpoint).

The topic is `stream/stem/`, with the slash, so that `vocals` is not also `vocals_residual`; then come the frames of a
stem block as on the socket for stems. A listener that falls behind loses the newest blocks, silently: that is ZeroMQ's
PUB. Whoever cannot have that subscribes with a client.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from stemd.errors import StemdError
from stemd.protocol import MAX_CREDIT, Stem, Subscribe, to_frames
from stemd.schema import build
from stemd.service.listeners import Listeners
from stemd.service.port import Port
from stemd.service.sessions import Session
from stemd.service.stream import Stream

log: Final = logging.getLogger("stemd")


class Tap:
    """Turns the topics that PUB listeners ask for into subscriptions.

    Args:
        listeners: where subscriptions live.
        find: gives an open stream by name.
    """

    def __init__(self, listeners: Listeners, find: Callable[[str], Stream | None]) -> None:
        self.port: Port | None = None  # set once bound
        self._listeners, self._find = listeners, find
        self._session = Session(b"", "tap", 0)
        self._wanted: dict[bytes, int] = {}

    def receive(self, message: bytes, _: Sequence[bytes | memoryview], __: str | None) -> None:
        """Take what an XPUB socket tells: 1 and a topic for the first who wants it, 0 for the last who leaves."""
        topic = message[1:]
        if message[:1] == b"\1":
            self._subscribe(topic)
        elif subscription := self._listeners.of(self._session, self._wanted.pop(topic, 0)):
            self._listeners.forget(subscription, self._find(subscription.stream))

    def _subscribe(self, topic: bytes) -> None:
        stream, _, stem = topic.decode("ascii", "replace").rstrip("/").partition("/")

        def send(header: Stem, pcm: bytes) -> bool:
            if self.port:
                self.port.send(topic, to_frames(header, pcm))
            if "end" in header.flags and topic in self._wanted:
                # The next stream of this name is wanted just as well.
                asyncio.get_running_loop().call_soon(self._subscribe, topic)
            return True

        wish = {
            "request": 0,
            "stream": stream,
            "stem": stem,
            "format": "f32le",
            "delivery": "live",
            "credit": MAX_CREDIT,
        }
        try:
            request = build(Subscribe, wish, "topic", strict=True)
            subscription = self._listeners.add(self._session, request, self._find(stream), send)
        except StemdError as error:
            about = {"stream": stream, "stem": stem, "client": "tap", "code": error.code}
            log.warning("tap %s: %s", topic.decode("ascii", "replace"), error, extra=about)
            return
        subscription.credit(2**62, 0)
        self._wanted[topic] = subscription.number
