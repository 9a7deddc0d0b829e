"""Just enough of ZMTP 3.0 to speak it wrongly: a connection by hand, that can stop anywhere."""

import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

from stemd.address import Address

GREETING = b"\xff" + b"\0" * 8 + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + b"\0" * 31
PATIENCE = 10.0


def reach(address: str) -> socket.socket:
    """A connection to the socket for requests, on which nothing was said."""
    endpoint = Address.parse(address).requests
    if endpoint.startswith("ipc://"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(str(Path(endpoint.removeprefix("ipc://"))))
        return connection
    split = urlsplit(endpoint)
    return socket.create_connection((split.hostname, split.port), PATIENCE)


def greet(address: str) -> socket.socket:
    """The same after the handshake of a DEALER."""
    connection = reach(address)
    connection.sendall(GREETING)
    _exactly(connection, len(GREETING))
    kind = b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    ready = b"\x05READY" + kind
    connection.sendall(bytes([4, len(ready)]) + ready)
    flags, length = _exactly(connection, 2)
    assert flags == 4, "the answer is a short command"
    assert _exactly(connection, length).startswith(b"\x05READY")
    return connection


def frame(body: bytes, *, more: bool) -> bytes:
    """A message's frame."""
    if len(body) < 256:
        return bytes([int(more), len(body)]) + body
    return bytes([int(more) | 2]) + struct.pack(">Q", len(body)) + body


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        assert part, "the daemon hung up"
        found += part
    return found
