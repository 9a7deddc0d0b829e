"""The daemon's side of CURVE, without a daemon."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message

from stemd.config import Security
from stemd.keys import Pair
from stemd.service.security.curve import Curve
from stemd.service.security.gate import Gate
from stemd.service.security.keyring import Entry, Keyring

PATIENCE_MS = 20_000
MESSAGE = 100_000
MOST = 1_000
BETWEEN = 150 * MESSAGE  # what two kernels and a sender may hold besides


@contextmanager
def door_and_guest() -> Iterator[tuple[Curve, "zmq.Socket[bytes]", "zmq.Socket[bytes]"]]:
    """A socket that asks for keys, and one with a key that is allowed; not connected yet."""
    daemon, client = Pair.new(), Pair.new()
    gate = Gate(Security())
    gate.let_in(Keyring([Entry("desk", client.public, frozenset({"listen"}))]))
    with zmq.Context() as context, context.socket(zmq.ROUTER) as door, context.socket(zmq.DEALER) as guest:
        curve = Curve(daemon, gate, 2**20)
        curve.configure(door)
        guest.curve_serverkey = daemon.public.encode()
        guest.curve_publickey, guest.curve_secretkey = client.public.encode(), client.secret.encode()
        guest.setsockopt(zmq.LINGER, 0)
        guest.setsockopt(zmq.SNDHWM, 1)
        yield curve, door, guest


def test_where_nobody_answers_for_the_keys_nobody_is_let_in() -> None:
    """As after a fault: ZeroMQ alone would let in everybody who knows the daemon's public key."""
    with door_and_guest() as (_, door, guest):
        port = door.bind_to_random_port("tcp://127.0.0.1")
        monitor = guest.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        guest.connect(f"tcp://127.0.0.1:{port}")
        assert monitor.poll(PATIENCE_MS)
        assert parse_monitor_message(monitor.recv_multipart())["event"] == zmq.EVENT_DISCONNECTED
        guest.disable_monitor()
        monitor.close(0)


@pytest.mark.parametrize("chosen", [b"", b"me", b"\0abcd"])
async def test_a_connection_has_the_id_that_the_daemon_gave_it_whatever_it_chose(chosen: bytes) -> None:
    with door_and_guest() as (curve, door, guest):
        curve.begin(door.context)
        try:
            port = door.bind_to_random_port("tcp://127.0.0.1")
            if chosen:
                guest.setsockopt(zmq.ROUTING_ID, chosen)
            guest.connect(f"tcp://127.0.0.1:{port}")
            await asyncio.to_thread(guest.send, b"hello")
            assert await asyncio.to_thread(door.poll, PATIENCE_MS)
            peer, said = door.recv_multipart(copy=False)
            assert said.bytes == b"hello"
            assert peer.bytes == peer.get("Identity").encode()
            assert len(peer.bytes) == 32
        finally:
            curve.end()


async def test_what_is_not_read_fills_no_more_than_the_queue() -> None:
    with door_and_guest() as (curve, door, guest):
        curve.begin(door.context)
        try:
            port = door.bind_to_random_port("tcp://127.0.0.1")
            guest.connect(f"tcp://127.0.0.1:{port}")
            sent = 0
            while sent < MOST and await asyncio.to_thread(guest.poll, PATIENCE_MS if sent == 0 else 1_000, zmq.POLLOUT):
                guest.send(bytes(MESSAGE), zmq.NOBLOCK)
                sent += 1
            assert 100 < sent < MOST
            assert sent * MESSAGE < 200 * MESSAGE + BETWEEN
        finally:
            curve.end()
