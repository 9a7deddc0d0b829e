"""A client that helps nobody: two bare sockets, over which anything can be said."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import zmq

from stemd.address import Address
from stemd.audio import Float32Array, Format, Int16Array, encode_pcm
from stemd.protocol import (
    MAJOR,
    MAX_CREDIT,
    MINOR,
    Attach,
    Attached,
    Bye,
    Close,
    Credit,
    Delivery,
    Fault,
    FromClient,
    FromDaemon,
    Grant,
    Hello,
    Mixture,
    Open,
    Opened,
    Ping,
    State,
    Status,
    Stem,
    Subscribe,
    Subscribed,
    Welcome,
    from_daemon,
    to_frames,
)
from tests.end_to_end.reference import WIRE_PLAN

PATIENCE = 10.0  # seconds for what must come
BLOCK = 1_024
_PING_SECONDS = 1.0

M = TypeVar("M")


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


class Raw:
    """Says what it is told to, and waits for messages with a time-out. It pings only while it waits for blocks."""

    def __init__(self, address: str) -> None:
        parsed = Address.parse(address)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.requests, self.stems = (self._connect(endpoint) for endpoint in (parsed.requests, parsed.stems))
        self._numbers = itertools.count(1)
        self.passed: list[FromDaemon] = []  # came while something else was waited for
        self.heard: dict[int, Heard] = {}
        self.granted: dict[str, int] = {}  # the newest grant, by stream
        self.session = ""

    def _connect(self, endpoint: str) -> "zmq.Socket[bytes]":
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.connect(endpoint)
        return socket

    def vanish(self, linger_ms: int = 0) -> None:
        """Close the sockets; what was not sent by then is lost, and nothing is said."""
        self._context.destroy(linger_ms)

    # --- saying things -----------------------------------------------------------------------------------------

    def say(self, frames: Sequence[bytes | memoryview]) -> None:
        """Send frames, whatever they are, as a request."""
        self.requests.send_multipart(frames)

    def post(self, message: FromClient, pcm: bytes = b"") -> None:
        """Send a message."""
        self.say(to_frames(message, pcm))

    def number(self) -> int:
        """A number for a request."""
        return next(self._numbers)

    def ask(self, kind: Callable[..., Any], **values: Any) -> Any:
        """Send a request; its reply, which may be a Fault."""
        number = self.number()
        self.post(kind(request=number, **values))
        return self.answer(number)

    def answer(self, number: int) -> Any:
        """The reply to a request."""
        return self.until(lambda message: getattr(message, "request", None) == number)

    def meet(self) -> "Raw":
        """Say hello, and attach the socket for stems."""
        welcome = self.ask(Hello, major=MAJOR, minor=MINOR, client="raw", capabilities=())
        assert isinstance(welcome, Welcome), welcome
        self.session = welcome.session
        self.stems.send_multipart(to_frames(Attach(welcome.session)))
        assert isinstance(self._stem(PATIENCE)[0], Attached)
        return self

    def open(self, name: str, **changes: Any) -> Any:
        """Open a stream: free, 44.1 kHz, stereo, with the short plan, but for `changes`; Opened or Fault."""
        return self.answer(self.opening(name, **changes))

    def opening(self, name: str, **changes: Any) -> int:
        """Ask for it, and do not wait; the request's number."""
        number = self.number()
        usual = {
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
        self.post(Open(request=number, **{**usual, **changes}))  # type: ignore[arg-type]
        return number

    def opened(self, name: str, **changes: Any) -> Opened:
        """A stream that was opened for sure."""
        opened = self.open(name, **changes)
        assert isinstance(opened, Opened), opened
        self.granted[name] = opened.until or 0
        return opened

    def listen(
        self,
        stream: str,
        stem: str,
        *,
        delivery: Delivery = "lossless",
        credit: int = MAX_CREDIT,
        format: Format = "f32le",  # noqa: A002 - the word of the protocol
    ) -> int:
        """Subscribe; the subscription's number."""
        reply = self.ask(Subscribe, stream=stream, stem=stem, format=format, delivery=delivery, credit=credit)
        assert isinstance(reply, Subscribed), reply
        self.heard[reply.subscription] = Heard()
        return reply.subscription

    def credit(self, subscription: int, until: int) -> None:
        """Let blocks below a sequence come."""
        self.post(Credit(subscription, until))

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
                self.until(lambda message, until=until: self.granted[name] > until)
            self.mixture(name, at, part)
        self.closing(name)

    def play(self, opened: Opened, samples: Float32Array, rate: int, *others: "Raw", block: int = BLOCK) -> None:
        """Send a recording at its own pace; take what comes meanwhile, and let others ping but not read."""
        began = time.monotonic()
        for at in range(0, samples.shape[1], block):
            while (left := began + at / rate - time.monotonic()) > 0:
                self.take(left)
            self.mixture(opened.stream, at, samples[:, at : at + block], source_ns=at)
            for client in others if at // block % 40 == 0 else ():
                client.ping()

    def closing(self, stream: str) -> int:
        """Ask for a stream's end, and do not wait for it; the request's number."""
        number = self.number()
        self.post(Close(number, stream))
        return number

    def ping(self) -> None:
        """Give a sign of life."""
        self.post(Ping(0))

    def bye(self) -> None:
        """Leave politely."""
        self.post(Bye())

    # --- hearing things ----------------------------------------------------------------------------------------

    def hear(self, timeout: float = PATIENCE) -> FromDaemon | None:
        """The next message on the socket for requests; None where none comes in time."""
        return self._request(timeout)[0]

    def until(self, wanted: Callable[[Any], bool], timeout: float = PATIENCE) -> Any:
        """The first message that is wanted; what came before it is in `passed`."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.hear(deadline - time.monotonic())
            assert message is not None, f"waited {timeout:g} s in vain; what came before: {self.passed[-8:]}"
            if isinstance(message, Grant):
                assert message.until >= self.granted.get(message.stream, 0), "a grant went down"
                self.granted[message.stream] = message.until
            if wanted(message):
                return message
            self.passed.append(message)

    def fault(self, code: str, timeout: float = PATIENCE) -> Fault:
        """The next fault, which must have this code."""
        fault: Fault = self.until(lambda message: isinstance(message, Fault), timeout)
        assert fault.code == code, fault
        return fault

    def state(self) -> dict[str, Any]:
        """The daemon's status; all that was said before has been dealt with then."""
        reply = self.ask(Status)
        assert isinstance(reply, State), reply
        return reply.state

    def stream(self, name: str) -> dict[str, Any] | None:
        """A stream in the daemon's status."""
        return next((s for s in self.state()["streams"] if s["stream"] == name), None)

    def take(self, timeout: float = PATIENCE) -> Stem | None:
        """The next stem block or end, of whatever subscription; None where none comes in time."""
        message, pcm = self._stem(timeout)
        if message is not None:
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
        while wanting():
            if self.take(min(_PING_SECONDS, deadline - time.monotonic())) is not None:
                continue
            self.ping()
            if time.monotonic() >= deadline:
                got = {number: len(heard.headers) for number, heard in self.heard.items()}
                raise AssertionError(f"waited {timeout:g} s in vain; blocks so far: {got}; faults: {self._faults()}")

    def _faults(self) -> list[FromDaemon]:
        while (message := self.hear(0)) is not None:
            self.passed.append(message)
        return [message for message in self.passed if isinstance(message, Fault)]

    def _request(self, timeout: float) -> tuple[Any, bytes]:
        return _receive(self.requests, timeout)

    def _stem(self, timeout: float) -> tuple[Any, bytes]:
        return _receive(self.stems, timeout)


def _receive(socket: "zmq.Socket[bytes]", timeout: float) -> tuple[Any, bytes]:
    if not socket.poll(max(0, round(timeout * 1_000))):
        return None, b""
    message, pcm = from_daemon(socket.recv_multipart())
    return message, bytes(pcm)


@contextmanager
def connected(address: str, *, greet: bool = True) -> Iterator[Raw]:
    """A raw client, which has said hello where `greet`, and says bye at the end."""
    raw = Raw(address)
    try:
        yield raw.meet() if greet else raw
        if not raw.requests.closed:
            raw.bye()
    finally:
        raw.vanish(linger_ms=200)
