"""CURVE on the daemon's sockets: everything is encrypted, and each message tells whose key it came with.

libzmq asks at `inproc://zeromq.zap.01` whether a key is let in (ZAP, its RFC 27). The answer names the connection, too:
with a random id of the daemon's, so that nobody can choose that of another, or one that libzmq would have given next.
"""

import asyncio
import secrets
import struct
from collections.abc import Sequence
from typing import Final

import zmq
from zmq.utils import z85

from stemd.keys import Pair
from stemd.service.port import Port
from stemd.service.security.gate import Gate

_DOMAIN: Final = b"stemd"
_HANDSHAKE_MS: Final = 5_000  # whoever has not said who it is by then is hung up on
_QUEUE: Final = 200  # messages of one peer that may wait on either side: so much memory can it claim, and no more
_SILENT_SECONDS: Final = 60  # a link without a word is asked whether there is anybody, as is one whose host is gone
_LATER: Final = 0.02  # seconds; libzmq reads the client's own id after it has asked, and of two ids the last holds


class Curve:
    """The daemon's side of CURVE.

    Args:
        pair: the daemon's own.
        gate: says which keys are let in.
        message_bytes: libzmq hangs up on whoever sends a longer frame.
    """

    def __init__(self, pair: Pair, gate: Gate, message_bytes: int) -> None:
        self._pair, self._gate, self._message_bytes = pair, gate, message_bytes
        self._port: Port | None = None

    def begin(self, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        """Answer who may come in, for the sockets of a context; before the first of them is bound."""
        self._port = Port(context, "inproc://zeromq.zap.01")
        self._port.receiver = self._asked

    def end(self) -> None:
        """Answer no more; nobody is let in any longer. Safe to repeat."""
        if self._port:
            self._port.close()
            self._port = None

    def configure(self, socket: "zmq.Socket[bytes]") -> None:
        """Make a socket that is not bound yet ask for keys."""
        socket.curve_server = True
        socket.curve_secretkey = self._pair.secret.encode("ascii")
        socket.zap_domain = _DOMAIN
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without anybody who answers, nobody is let in
        socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
        socket.setsockopt(zmq.MAXMSGSIZE, self._message_bytes)
        socket.setsockopt(zmq.SNDHWM, _QUEUE)
        socket.setsockopt(zmq.RCVHWM, _QUEUE)
        socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
        socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, _SILENT_SECONDS)

    def _asked(self, peer: bytes, frames: Sequence[bytes | memoryview], _: str | None) -> None:
        # Only libzmq asks, in this process, and only for the sockets above: the last frame is the client's key.
        empty, version, number, *_about, key = map(bytes, frames)
        name = z85.encode(key)
        answer = _yes(name) if self._gate.knows(name.decode("ascii")) else (b"400", b"key not allowed", b"", b"")
        if self._port:
            asyncio.get_running_loop().call_later(_LATER, self._port.send, peer, (empty, version, number, *answer))


def _yes(name: bytes) -> tuple[bytes, ...]:
    """Status, text, user and metadata: a name and a value, each after its length."""
    identity = secrets.token_hex(16).encode("ascii")
    return b"200", b"OK", name, b"\x08Identity" + struct.pack(">I", len(identity)) + identity
