"""Two bare sockets to a daemon, over which anything can be said; requests and their answers."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import zmq

from stemd.address import Address
from stemd.keys import OwnKey
from stemd.protocol import (
    MAJOR,
    MINOR,
    Attach,
    Attached,
    Bye,
    Fault,
    FromClient,
    FromDaemon,
    Grant,
    Hello,
    Ping,
    State,
    Status,
    Welcome,
    from_daemon,
    to_frames,
)

PATIENCE = 20.0  # seconds for what must come, on a machine that does other things too
PATIENCE_MS = 20_000


class Talk:
    """Says what it is told to, and waits for messages with a time-out; helps nobody.

    Args:
        address: of the daemon.
        key: to come with, where the daemon asks for one.
        routing_id: instead of one that the daemon's socket makes.
    """

    def __init__(self, address: str, key: OwnKey | None = None, routing_id: bytes = b"") -> None:
        parsed = Address.parse(address)
        self._key, self._routing_id = key, routing_id
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.requests, self.stems = (self._connect(endpoint) for endpoint in (parsed.requests, parsed.stems))
        self._numbers = itertools.count(1)
        self.passed: list[FromDaemon] = []  # came while something else was waited for
        self.granted: dict[str, int] = {}  # the newest grant, by stream
        self.session = ""

    def _connect(self, endpoint: str) -> "zmq.Socket[bytes]":
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
        if self._routing_id:
            socket.setsockopt(zmq.ROUTING_ID, self._routing_id)
        if self._key:
            socket.curve_serverkey = self._key.daemon.encode()
            socket.curve_publickey = self._key.pair.public.encode()
            socket.curve_secretkey = self._key.pair.secret.encode()
        self._made(socket)
        socket.connect(endpoint)
        return socket

    def _made(self, socket: "zmq.Socket[bytes]") -> None:
        """What is to be done with a socket before it connects."""

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

    def ping(self) -> None:
        """Give a sign of life."""
        self.post(Ping(0))

    def bye(self) -> None:
        """Leave politely."""
        self.post(Bye())

    # --- hearing things ----------------------------------------------------------------------------------------

    def hear(self, timeout: float = PATIENCE) -> FromDaemon | None:
        """The next message on the socket for requests; None where none comes in time."""
        message: FromDaemon | None = receive(self.requests, timeout)[0]
        if isinstance(message, Grant):
            assert message.until >= self.granted.get(message.stream, 0), "a grant went down"
            self.granted[message.stream] = message.until
        return message

    def until(self, wanted: Callable[[Any], bool], timeout: float = PATIENCE) -> Any:
        """The first message that is wanted; what came before it is in `passed`."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.hear(deadline - time.monotonic())
            assert message is not None, f"waited {timeout:g} s in vain; what came before: {self.passed[-8:]}"
            if wanted(message):
                return message
            self.passed.append(message)

    def answer(self, number: int) -> Any:
        """The reply to a request."""
        return self.until(lambda message: getattr(message, "request", None) == number)

    def ask(self, kind: Callable[..., Any], **values: Any) -> Any:
        """Send a request; its reply, which may be a Fault."""
        number = self.number()
        self.post(kind(request=number, **values))
        return self.answer(number)

    def fault(self, code: str, timeout: float = PATIENCE) -> Fault:
        """The next fault, which must have this code."""
        fault: Fault = self.until(lambda message: isinstance(message, Fault), timeout)
        assert fault.code == code, fault
        return fault

    def faults(self) -> list[FromDaemon]:
        """All faults that came and were not waited for."""
        while (message := self.hear(0)) is not None:
            self.passed.append(message)
        return [message for message in self.passed if isinstance(message, Fault)]

    # --- what everybody asks -----------------------------------------------------------------------------------

    def greet(self) -> None:
        """Say hello, and attach the socket for stems."""
        welcome = self.ask(Hello, major=MAJOR, minor=MINOR, client="raw", capabilities=())
        assert isinstance(welcome, Welcome), welcome
        self.session = welcome.session
        self.stems.send_multipart(to_frames(Attach(welcome.session)))
        assert isinstance(receive(self.stems, PATIENCE)[0], Attached)

    def state(self) -> dict[str, Any]:
        """The daemon's status; all that was said before has been dealt with then."""
        reply = self.ask(Status)
        assert isinstance(reply, State), reply
        return reply.state

    def stream(self, name: str) -> dict[str, Any] | None:
        """A stream in the daemon's status."""
        return next((s for s in self.state()["streams"] if s["stream"] == name), None)


def receive(socket: "zmq.Socket[bytes]", timeout: float) -> tuple[Any, bytes]:
    """The next message on a socket and its PCM; None where none comes in time."""
    if not socket.poll(max(0, round(timeout * 1_000))):
        return None, b""
    message, pcm = from_daemon(socket.recv_multipart())
    return message, bytes(pcm)
