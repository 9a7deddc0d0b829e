"""The two DEALER sockets to a daemon, opened and closed in one place."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, cast

import zmq
import zmq.asyncio
from zmq.utils.monitor import parse_monitor_message

from stemd.address import Address
from stemd.errors import ConnectionLostError
from stemd.keys import OwnKey
from stemd.protocol import Attach, FromClient, FromDaemon, from_daemon, to_frames

# Messages that may wait here while the daemon does not read; `post` says when it is full.
QUEUE: Final = 500
_LINGER_MS: Final = 200
# Where only one side asks for keys, or for others than it is shown, chance decides which of the last two tells so.
_FAILURES: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)

Take = Callable[[FromDaemon, memoryview, int], None]


class Sockets:
    """One socket for requests and the mixture, one for stems; made on the event loop that will use them.

    Args:
        address: of the daemon.
        key: to be known by, and to know the daemon by; None: neither is asked for.

    Attributes:
        failure: how the last handshake failed, as an event of ZeroMQ's monitor; None: none did.

    Raises:
        ConnectionLostError: ZeroMQ cannot use the address.
    """

    def __init__(self, address: Address, key: OwnKey | None = None):
        self.failure: zmq.Event | None = None
        self._context = zmq.asyncio.Context()
        self._requests = self._context.socket(zmq.DEALER)
        self._stems = self._context.socket(zmq.DEALER)
        try:
            for socket, endpoint in ((self._requests, address.requests), (self._stems, address.stems)):
                socket.setsockopt(zmq.SNDHWM, QUEUE)
                # Unbounded for ZeroMQ, whose bound makes the sender lose messages silently: credit bounds the blocks,
                # and replies are as many as requests.
                socket.setsockopt(zmq.RCVHWM, 0)
                socket.setsockopt(zmq.IPV6, "[" in endpoint)
                if key:
                    socket.curve_serverkey = key.daemon.encode("ascii")
                    socket.curve_publickey = key.pair.public.encode("ascii")
                    socket.curve_secretkey = key.pair.secret.encode("ascii")
            self._monitor = self._requests.get_monitor_socket(_FAILURES)
            self._requests.connect(address.requests)
            self._stems.connect(address.stems)
        except zmq.ZMQError as exc:
            self._context.destroy(0)
            raise ConnectionLostError(f"cannot connect to {address.requests}: {exc}") from exc

    def post(self, message: FromClient, pcm: bytes = b"") -> bool:
        """Queue a message without waiting; False where 500 wait already."""
        socket = self._stems if isinstance(message, Attach) else self._requests
        # With NOBLOCK the future is done when the call returns.
        sent = cast("asyncio.Future[Any]", socket.send_multipart(to_frames(message, pcm), flags=zmq.NOBLOCK))
        error = sent.exception()
        if error is not None and not isinstance(error, zmq.Again):
            raise error
        return error is None

    async def receive_requests(self, take: Take) -> None:
        """Hand on what comes on the socket for requests, for ever."""
        await _receive(self._requests, take)

    async def receive_stems(self, take: Take) -> None:
        """Hand on what comes on the socket for stems, for ever."""
        await _receive(self._stems, take)

    async def watch_handshakes(self) -> None:
        """Note in `failure` why a daemon that is there does not let this client in, for ever."""
        while True:
            self.failure = zmq.Event(parse_monitor_message(await self._monitor.recv_multipart())["event"])

    async def close(self, *, linger: bool) -> None:
        """Close both; with `linger`, what is queued may still leave for a moment."""
        self._requests.disable_monitor()
        self._monitor.close(0)
        for socket in (self._requests, self._stems):
            socket.close(_LINGER_MS if linger else 0)
        # The end of a context waits for its sockets' linger, so not on the event loop.
        await asyncio.get_running_loop().run_in_executor(None, self._context.term)


async def _receive(socket: zmq.asyncio.Socket, take: Take) -> None:
    while True:
        frames = await socket.recv_multipart()
        received_ns = time.monotonic_ns()
        take(*from_daemon(frames), received_ns)
