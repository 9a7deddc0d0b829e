"""What a hostile peer does below the protocol: raw TCP, ZeroMQ's greetings by hand, and watching its own link."""

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from stemd.keys import OwnKey
from tests.end_to_end.raw import Raw
from tests.end_to_end.talk import PATIENCE, PATIENCE_MS
from tests.waiting import wait_until

# What begins a connection in ZMTP 3.0: signature, version, mechanism, as-server, filler.
GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"%b" + b"\x00" + bytes(31)
DEALER_2 = b"\xff" + struct.pack(">Q", 1) + b"\x7f" + b"\x01" + b"\x05" + b"\x00\x00"
DEALER_1 = b"\x01\x00"  # ZMTP 1.0: no signature, and an empty identity


def greeting(mechanism: bytes) -> bytes:
    """A greeting of ZMTP 3.0."""
    return GREETING % mechanism.ljust(20, b"\0")


def frames(*parts: bytes) -> bytes:
    """A message in ZMTP 2.0 and later, unencrypted."""
    flags = [1] * (len(parts) - 1) + [0]
    return b"".join(bytes((flag, len(part))) + part for flag, part in zip(flags, parts, strict=True))


@contextmanager
def plugged(endpoint: str) -> Iterator[socket.socket]:
    """A bare TCP connection."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as plug:
        yield plug


def hung_up(plug: socket.socket) -> bytes:
    """What came until the other side hung up."""
    heard = b""
    while select.select([plug], [], [], PATIENCE)[0]:
        try:
            part = plug.recv(4_096)
        except ConnectionResetError:
            return heard
        if not part:
            return heard
        heard += part
    raise AssertionError(f"still connected after {PATIENCE:g} s; heard {heard!r}")


class Link:
    """What happens to a socket's link from now on, as ZeroMQ tells it."""

    def __init__(self, link: "zmq.Socket[bytes]") -> None:
        self._link, self._monitor = link, link.get_monitor_socket()
        self.events: list[zmq.Event] = []

    def close(self) -> None:
        """Look no more."""
        self._link.disable_monitor()
        self._monitor.close(0)

    def look(self, timeout_ms: int = 0) -> list[zmq.Event]:
        """All that has happened so far."""
        while self._monitor.poll(timeout_ms):
            self.events.append(zmq.Event(parse_monitor_message(self._monitor.recv_multipart())["event"]))
            timeout_ms = 0
        return self.events

    def until(self, *wanted: zmq.Event) -> zmq.Event:
        """The first of these that happens."""
        found = wait_until(lambda: [e for e in self.look(50) if e in wanted], f"one of {wanted}", PATIENCE_MS / 1_000)
        first: zmq.Event = found[0]
        return first


class Knocker(Raw):
    """A client that may never be let in: it waits for no link, and knows what became of both (`links`)."""

    def __init__(self, address: str, key: OwnKey | None, routing_id: bytes = b"") -> None:
        self.links: list[Link] = []
        super().__init__(address, key, routing_id)

    def _made(self, socket: "zmq.Socket[bytes]") -> None:
        socket.setsockopt(zmq.SNDTIMEO, 0)
        self.links.append(Link(socket))


@contextmanager
def knocking(address: str, key: OwnKey | None, routing_id: bytes = b"") -> Iterator[Knocker]:
    """A client that leaves without a word."""
    knocker = Knocker(address, key, routing_id)
    try:
        yield knocker
    finally:
        for link in knocker.links:
            link.close()
        knocker.vanish()


def account(admin: Raw, own: OwnKey) -> dict[str, Any] | None:
    """What the daemon counts about a key; None: it lets no such key in."""
    return next((each for each in admin.state()["security"]["keys"] if each["key"] == own.name), None)
