"""A client without manners: feeds streams and hears stems exactly as a test says."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from stemd.audio import Float32Array, Format, Int16Array, encode_pcm
from stemd.keys import OwnKey
from stemd.protocol import (
    MAX_CREDIT,
    Close,
    Credit,
    Delivery,
    FromDaemon,
    Mixture,
    Open,
    Opened,
    Stem,
    Subscribe,
    Subscribed,
)
from tests.end_to_end.reference import WIRE_PLAN
from tests.end_to_end.talk import PATIENCE, Talk, receive

BLOCK = 1_024
_PING_SECONDS = 1.0
_PING_BLOCKS = 40


@dataclass
class Heard:
    """What one subscription got: headers and samples of its blocks, and the header that ended it."""

    headers: list[Stem] = field(default_factory=list)
    parts: list[Float32Array | Int16Array] = field(default_factory=list)
    times: list[int] = field(default_factory=list)  # when each was received, in ns of the monotonic clock
    end: Stem | None = None

    @property
    def samples(self) -> Any:
        """All blocks behind each other, (channels, frames)."""
        return np.concatenate(self.parts, axis=1)

    def take(self, header: Stem, pcm: bytes) -> None:
        """Add a block, just received."""
        if "end" in header.flags:
            self.end = header
            return
        samples = np.frombuffer(pcm, "<f4" if header.format == "f32le" else "<i2").reshape(-1, header.channels).T
        assert samples.shape[1] == header.frames
        self.headers.append(header)
        self.parts.append(samples)
        self.times.append(time.monotonic_ns())


class Raw(Talk):
    """Opens streams with few words, and keeps what its subscriptions get. Pings only while it waits for blocks."""

    def __init__(self, address: str, key: OwnKey | None = None, routing_id: bytes = b"") -> None:
        super().__init__(address, key, routing_id)
        self.heard: dict[int, Heard] = {}

    def meet(self) -> "Raw":
        """Say hello, and attach the socket for stems."""
        self.greet()
        return self

    # --- streams -----------------------------------------------------------------------------------------------

    def opening(self, name: str, **changes: Any) -> int:
        """Ask for a stream: free, 44.1 kHz, stereo, the short plan, but for `changes`; the request's number."""
        number = self.number()
        usual: dict[str, Any] = {
            "stream": name,
            "rate": 44_100,
            "channels": 2,
            "format": "f32le",
            "block": BLOCK,
            "timing": "free",
            "plan": WIRE_PLAN,
            "model": None,
            "stems": None,
        }
        self.post(Open(request=number, **{**usual, **changes}))
        return number

    def open(self, name: str, **changes: Any) -> Any:
        """Ask for a stream, and wait; Opened or Fault."""
        return self.answer(self.opening(name, **changes))

    def opened(self, name: str, **changes: Any) -> Opened:
        """A stream that was opened for sure."""
        opened = self.open(name, **changes)
        assert isinstance(opened, Opened), opened
        self.granted[name] = opened.until or 0
        return opened

    def closing(self, stream: str) -> int:
        """Ask for a stream's end, and do not wait for it; the request's number."""
        number = self.number()
        self.post(Close(number, stream))
        return number

    def mixture(self, stream: str, position: int, samples: Float32Array, source_ns: int | None = None) -> None:
        """Send a block in float32."""
        self.post(Mixture(stream, position, source_ns), encode_pcm(samples, "f32le"))

    def feed(self, stream: str, samples: Float32Array, start: int = 0, block: int = BLOCK) -> None:
        """Send a recording in blocks, from position `start` on."""
        for at in range(0, samples.shape[1], block):
            self.mixture(stream, start + at, samples[:, at : at + block])

    def pour(self, name: str, samples: Float32Array, start: int = 0, block: int = BLOCK) -> None:
        """Send a recording into a free stream from position `start` on, as it is granted, and close the stream."""
        for at in range(start, samples.shape[1], block):
            part = samples[:, at : at + block]
            while (until := self.granted[name]) < at + part.shape[1]:
                self.until(partial(self._raised, name, until))
            self.mixture(name, at, part)
        self.closing(name)

    def _raised(self, name: str, until: int, _: FromDaemon) -> bool:
        return self.granted[name] > until

    def play(self, name: str, samples: Float32Array, rate: int, *others: "Raw", block: int = BLOCK) -> None:
        """Send a recording at its own pace, and close; take what comes meanwhile, while others ping but do not read."""
        began = time.monotonic()
        for at in range(0, samples.shape[1], block):
            while (left := began + at / rate - time.monotonic()) > 0:
                self.take(left)
            self.mixture(name, at, samples[:, at : at + block], source_ns=at)
            for client in others if at // block % _PING_BLOCKS == 0 else ():
                client.ping()
        self.closing(name)

    # --- subscriptions -----------------------------------------------------------------------------------------

    def listen(
        self,
        stream: str,
        stem: str,
        *,
        delivery: Delivery = "lossless",
        credit: int = MAX_CREDIT,
        format: Format = "f32le",  # noqa: A002 - the word of the protocol
        way: bool = False,
    ) -> int:
        """Subscribe; the subscription's number."""
        wish = {"stream": stream, "stem": stem, "format": format, "delivery": delivery, "credit": credit, "way": way}
        reply = self.ask(Subscribe, **wish)
        assert isinstance(reply, Subscribed), reply
        self.heard[reply.subscription] = Heard()
        return reply.subscription

    def credit(self, subscription: int, until: int) -> None:
        """Let blocks below a sequence come."""
        self.post(Credit(subscription, until))

    def take(self, timeout: float = PATIENCE) -> Stem | None:
        """The next stem block or end, of whatever subscription; None where none comes in time."""
        message, pcm = receive(self.stems, timeout)
        if message is None:
            return None
        assert isinstance(message, Stem), message
        self.heard.setdefault(message.subscription, Heard()).take(message, pcm)
        return message

    def take_until_end(self, *subscriptions: int, timeout: float = PATIENCE) -> list[Heard]:
        """Take blocks until all of these subscriptions have ended."""
        self._take_while(lambda: any(self.heard[n].end is None for n in subscriptions), timeout)
        return [self.heard[number] for number in subscriptions]

    def take_blocks(self, subscription: int, count: int, timeout: float = PATIENCE) -> Heard:
        """Take blocks until a subscription has got so many."""
        self._take_while(lambda: len(self.heard[subscription].headers) < count, timeout)
        return self.heard[subscription]

    def _take_while(self, wanting: Callable[[], bool], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        ping_at = time.monotonic() + _PING_SECONDS
        while wanting():
            self.take(max(0.0, min(ping_at, deadline) - time.monotonic()))
            if time.monotonic() >= ping_at:
                self.ping()
                ping_at += _PING_SECONDS
            if time.monotonic() >= deadline:
                got = {number: len(heard.headers) for number, heard in self.heard.items()}
                raise AssertionError(f"waited {timeout:g} s in vain; blocks so far: {got}; faults: {self.faults()}")


@contextmanager
def connected(address: str, *, greet: bool = True, key: OwnKey | None = None) -> Iterator[Raw]:
    """A raw client, which has said hello where `greet`, and says bye at the end."""
    raw = Raw(address, key)
    try:
        yield raw.meet() if greet else raw
        if not raw.requests.closed:
            raw.bye()
    finally:
        raw.vanish(linger_ms=200)
