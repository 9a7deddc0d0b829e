"""A client reduced to its two sockets, so that making load costs little: blocking calls, no event loop, no classes."""

import time
from typing import Any, Final

import msgpack
import zmq

from stemd import protocol as wire
from stemd.address import Address
from stemd.audio import Format
from stemd.errors import ConnectionLostError, from_code
from stemd.keys import OwnKey

_REPLY_WITHIN: Final = 120.0  # seconds; a daemon that opens many streams, or times a slow network, answers late


class Wire:
    """`with Wire(address) as wire`: greeted and attached.

    `requests` may be used by one thread, `stems` by another.

    Args:
        address: of the daemon.
        key: to be known by, where it asks for keys.
        context: to share with other clients of this process; None: one of its own.
    """

    def __init__(
        self, address: str, key: OwnKey | None = None, context: "zmq.Context[zmq.Socket[bytes]] | None" = None
    ) -> None:
        self._address, self._key = Address.parse(address), key
        self._shares = context is not None
        self._context = context or zmq.Context()
        self.requests = self._context.socket(zmq.DEALER)
        self.stems = self._context.socket(zmq.DEALER)
        self._number = 0

    def __enter__(self) -> "Wire":
        for socket, endpoint in ((self.requests, self._address.requests), (self.stems, self._address.stems)):
            socket.setsockopt(zmq.RCVHWM, 0)
            socket.setsockopt(zmq.SNDHWM, 0)
            socket.setsockopt(zmq.LINGER, 0)
            if self._key:
                socket.curve_serverkey = self._key.daemon.encode("ascii")
                socket.curve_publickey = self._key.pair.public.encode("ascii")
                socket.curve_secretkey = self._key.pair.secret.encode("ascii")
            socket.connect(endpoint)
        welcome = self.ask(wire.Hello(self.number(), wire.MAJOR, wire.MINOR, "bench", ()))
        assert isinstance(welcome, wire.Welcome)  # noqa: S101 - the daemon beside us
        self.stems.send_multipart(wire.to_frames(wire.Attach(welcome.session)))
        self._receive(self.stems)
        return self

    def __exit__(self, *_: object) -> None:
        self.requests.send_multipart(wire.to_frames(wire.Bye()))
        self.requests.close(200)
        self.stems.close(0)
        if not self._shares:
            self._context.term()

    def number(self) -> int:
        """A number for the next request."""
        self._number += 1
        return self._number

    def ask(self, request: wire.Request) -> wire.FromDaemon:
        """Send a request and wait for its reply; what else comes meanwhile is dropped.

        Raises:
            StemdError: what the daemon answered.
            ConnectionLostError: it did not answer.
        """
        self.requests.send_multipart(wire.to_frames(request))
        while True:
            reply = self._receive(self.requests)
            if getattr(reply, "request", None) != request.request:
                continue
            if isinstance(reply, wire.Fault):
                raise from_code(reply.code, reply.text)
            return reply

    def state(self) -> dict[str, Any]:
        """What the daemon says of itself."""
        reply = self.ask(wire.Status(self.number()))
        return reply.state if isinstance(reply, wire.State) else {}

    def keep_alive(self) -> None:
        """Say something: who is silent for long is taken for gone."""
        self.requests.send_multipart(wire.to_frames(wire.Ping(time.monotonic_ns())))

    def ping(self) -> float:
        """Seconds for the shortest way there and back."""
        sent = time.monotonic_ns()
        self.requests.send_multipart(wire.to_frames(wire.Ping(sent)))
        while not isinstance(self._receive(self.requests), wire.Pong):
            pass
        return (time.monotonic_ns() - sent) / 1e9

    def subscribe(self, stream: str, stem: str, credit: int, *, way: bool = False, fmt: Format = "f32le") -> int:
        """Subscribe to a stem; the subscription's number. `way`: each block's header also says when it was where."""
        reply = self.ask(wire.Subscribe(self.number(), stream, stem, fmt, "live", credit, way))
        assert isinstance(reply, wire.Subscribed)  # noqa: S101 - the reply to this request
        return reply.subscription

    def open(
        self,
        stream: str,
        rate: int,
        block: int,
        timing: wire.Timing,
        plan: wire.Plan | str,
        stems: tuple[str, ...] | None = None,
    ) -> wire.Opened:
        """Open a stereo stream."""
        opened = self.ask(wire.Open(self.number(), stream, rate, 2, "f32le", block, timing, plan, None, stems))
        assert isinstance(opened, wire.Opened)  # noqa: S101 - the reply to this request
        return opened

    def _receive(self, socket: "zmq.Socket[bytes]") -> wire.FromDaemon:
        deadline = time.monotonic() + _REPLY_WITHIN
        while not socket.poll(round(wire.PING_INTERVAL * 1e3)):
            if time.monotonic() > deadline:
                raise ConnectionLostError(f"the daemon at {self._address.requests} does not answer")
            self.keep_alive()
        return wire.from_daemon(socket.recv_multipart())[0]


def mixture_header(stream: str, position: int) -> bytes:
    """The header of a block, without the detour over the message's class."""
    header: bytes = msgpack.packb({"stream": stream, "position": position, "source_ns": None})
    return header
