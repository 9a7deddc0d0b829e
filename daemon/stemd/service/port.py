"""A ZeroMQ socket on the event loop: frames come in by callback, and go out at once or not at all.

ZeroMQ's file descriptor is edge-triggered and any call on the socket may eat the edge, so after each one the socket
is asked again. Sends never wait: whoever has no room gets nothing, and the caller is told.
"""

import asyncio
import os
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import zmq

from stemd.errors import ConfigError

# Peer, frames, and the key that they came with; None where nobody is asked for one.
Receiver = Callable[[bytes, Sequence[bytes | memoryview], str | None], None]

_MAX_MESSAGE: Final = 16 * 2**20  # bytes of a frame; libzmq hangs up on whoever sends more
_BURST: Final = 64  # messages taken before other tasks have their turn
_SLICE_NS: Final = 2_000_000  # or so long, where they take their time
_QUEUE: Final = 1_000  # messages; past them receiving stops, and sending is refused


class Lock(Protocol):
    """What makes a socket ask for keys."""

    def configure(self, socket: "zmq.Socket[bytes]") -> None:
        """Set a socket's options, before it is bound."""
        ...


def _nobody(peer: bytes, frames: Sequence[bytes | memoryview], key: str | None) -> None:
    """Whom messages reach before there is a receiver."""


class Port:
    """A bound ROUTER or XPUB socket; of an XPUB, what stands for the peer is the topic.

    Args:
        context: of ZeroMQ.
        endpoint: where to bind; a folder of `ipc://` is made, the socket gets mode 0600.
        kind: zmq.ROUTER or zmq.XPUB.
        lock: asks for keys; None: nobody does, and messages come without one.
        given: a listening socket's descriptor that somebody else opened for this endpoint; it and its file stay.

    Attributes:
        receiver: called with (peer, frames, key) for each message; set it before the event loop goes on.

    Raises:
        ConfigError: the endpoint is in use or cannot be bound.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoint: str,
        kind: int = zmq.ROUTER,
        *,
        lock: Lock | None = None,
        given: int | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._given = given
        self._file = _path(endpoint)
        self._aside = self._file.with_name(f".{self._file.name}") if self._file else Path()
        self.receiver: Receiver = _nobody
        if given is None:
            _check_folder(endpoint)
        elif self._file and not self._file.exists():
            self.open()  # a daemon before this one was killed while nobody was let in
        self._socket = context.socket(kind)
        self._socket.setsockopt(zmq.LINGER, 500)
        self._socket.setsockopt(zmq.SNDHWM, _QUEUE)
        self._socket.setsockopt(zmq.RCVHWM, _QUEUE)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _MAX_MESSAGE)
        if kind == zmq.ROUTER:
            self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        if "[" in endpoint:
            self._socket.setsockopt(zmq.IPV6, 1)
        if lock:
            lock.configure(self._socket)
        self._take = self._taken_with_key if lock else self._taken
        try:
            self._bind()
        except zmq.ZMQError as exc:
            self._socket.close(0)
            raise ConfigError(
                f"cannot listen on {endpoint} ({exc.strerror}): is another stemd running? Name another --address"
            ) from exc
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._descriptor = int(self._socket.getsockopt(zmq.FD))
        self._loop.add_reader(self._descriptor, self._wake)
        self._wake()

    def send(self, peer: bytes, frames: Sequence[bytes | memoryview]) -> bool:
        """Send to one peer; False where it has gone or takes no more now."""
        if self._socket.closed:
            return False
        try:
            self._socket.send_multipart([peer, *frames], zmq.NOBLOCK, copy=True)
        except zmq.ZMQError:
            return False
        finally:
            self._wake()
        return True

    @property
    def unread(self) -> bool:
        """Whether something has come in that the receiver has not been given yet."""
        self._wake()
        return self._scheduled

    def shut(self) -> None:
        """Let nobody find this Unix socket; who is connected stays, as would not be so if it were unbound."""
        if self._file:
            with suppress(OSError):
                self._file.rename(self._aside)

    def open(self) -> None:
        """Let it be found again."""
        if self._file and self._aside.exists():
            with suppress(OSError):
                self._aside.rename(self._file)

    def close(self) -> None:
        """Stop receiving, and give what was sent half a second to leave."""
        if not self._socket.closed:
            self._loop.remove_reader(self._descriptor)
            self._socket.close()
            if self._given is not None:
                self.open()
            elif self._file:
                self._file.unlink(missing_ok=True)
                self._aside.unlink(missing_ok=True)

    def _bind(self) -> None:
        if self._given is not None:
            # libzmq closes what it is given, and unlinks nothing.
            self._socket.setsockopt(zmq.USE_FD, os.dup(self._given))
        if self._file is None or self._given is not None:
            self._socket.bind(self.endpoint)
            return
        umask = os.umask(0o177)  # the socket must never be open to others, not even until a chmod
        try:
            self._socket.bind(self.endpoint)
        finally:
            os.umask(umask)

    def _wake(self) -> None:
        if not self._scheduled and not self._socket.closed and int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            self._scheduled = True
            self._loop.call_soon(self._receive)

    def _receive(self) -> None:
        self._scheduled = False
        over = time.monotonic_ns() + _SLICE_NS
        for _ in range(_BURST):
            if self._socket.closed:
                return
            try:
                peer, frames, key = self._take()
            except zmq.Again:
                return
            self.receiver(peer, frames, key)
            if time.monotonic_ns() > over:
                break
        self._wake()

    def _taken(self) -> tuple[bytes, Sequence[bytes | memoryview], str | None]:
        peer, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
        return peer, frames, None

    def _taken_with_key(self) -> tuple[bytes, Sequence[bytes | memoryview], str | None]:
        # Not copied, for much of it may be thrown away unread.
        peer, *frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
        try:
            key, given = str(peer.get("User-Id")), str(peer.get("Identity")).encode()
        except zmq.ZMQError:
            key, given = "", b""  # nobody's
        if peer.bytes != given and peer.bytes[:1] != b"\0":
            key = ""  # libzmq kept to what its client chose, and what others could choose as well
        return peer.bytes, [frame.buffer for frame in frames], key


def _path(endpoint: str) -> Path | None:
    return Path(endpoint.removeprefix("ipc://")) if endpoint.startswith("ipc://") else None


def _check_folder(endpoint: str) -> None:
    """Make the folder of an `ipc://` socket, and refuse one where somebody listens: libzmq would take it over."""
    path = _path(endpoint)
    if path is None:
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(
            f"cannot make {path.parent} for the sockets ({exc.strerror}). Name another --address"
        ) from exc
    if _answers(path):
        raise ConfigError(f"cannot listen on {endpoint}: another stemd answers there. Name another --address")


def _answers(path: Path) -> bool:
    """Whether somebody listens at a Unix socket."""
    import socket  # noqa: PLC0415 - not on every system, and this is called where there are Unix sockets

    with suppress(OSError):
        if stat.S_ISSOCK(path.stat().st_mode):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(0.5)
                probe.connect(str(path))
                return True
    return False
