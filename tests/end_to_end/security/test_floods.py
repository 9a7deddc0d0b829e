"""Allowed keys that want too much of everything: each gets its share, and the others theirs."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import zmq

from stemd.errors import Overloaded, RateError
from stemd.keys import OwnKey
from stemd.protocol import Fault, Hello, Ping, Subscribe, Subscribed, to_frames
from tests.end_to_end.process import Daemon
from tests.end_to_end.raw import Raw
from tests.end_to_end.security.conftest import LIMITS
from tests.end_to_end.security.hostile import account, knocking
from tests.waiting import wait_until

PINGS = 20_000
SUBSCRIBES = 10_000
MEBIBYTE = 2**20

Enter = Callable[[OwnKey], Raw]
Key = Callable[..., OwnKey]


def dropped(admin: Raw, own: OwnKey) -> int:
    """Messages of a key that were over its limits."""
    found = account(admin, own)
    assert found
    count: int = found["dropped"]
    return count


def scolded(client: Raw) -> Fault:
    """The first fault that says that too much comes."""
    fault: Fault = client.until(lambda message: isinstance(message, Fault) and message.code == RateError.code)
    return fault


def flooding(client: Raw, message: Sequence[bytes | memoryview], over: Callable[[], bool]) -> None:
    """Say a message over and over, for a machine may be too slow to be flooded at once."""

    def more() -> bool:
        for _ in range(PINGS):
            client.say(message)
        return over()

    wait_until(more, "some of it is over the limit")


def memory(daemon: Daemon) -> int:
    """The most memory that the daemon has had so far, in bytes."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1_024


def test_small_messages_beyond_the_rate_are_dropped_and_told_of(key: Key, enter: Enter, admin: Raw) -> None:
    own = key("listen")
    client = enter(own)
    flooding(client, to_frames(Ping(1)), lambda: dropped(admin, own) > 0)
    fault = scolded(client)
    assert (fault.request, fault.stream, fault.subscription) == (None, None, None)
    assert f"more than {LIMITS['messages_per_second']} messages" in fault.text
    assert "security.messages_per_second" in fault.text
    told = sum(isinstance(message, Fault) for message in client.passed) + len(client.faults())
    assert told < 60, "it is told once a second, and not once a message"


@pytest.mark.slow
def test_nonsense_counts_as_well(key: Key, enter: Enter, admin: Raw) -> None:
    own = key("listen")
    client = enter(own)
    for _ in range(PINGS):
        client.say([b"\\xff" * 50] * 3)
    wait_until(lambda: dropped(admin, own) > PINGS / 4, "most of it was dropped")
    assert dropped(admin, own) <= PINGS


@pytest.mark.slow
def test_bytes_beyond_the_rate_are_dropped_and_memory_stays_bounded(
    key: Key, enter: Enter, admin: Raw, daemon: Daemon
) -> None:
    own = key("send")
    client = enter(own)
    before = memory(daemon)
    block = bytes(LIMITS["message_bytes"] - 1_000)
    for _ in range(1_000):  # a quarter of a gigabyte
        client.say([b"mixture", b"", block])
    assert f"{LIMITS['bytes_per_second']} bytes a second" in scolded(client).text
    wait_until(lambda: dropped(admin, own) > 100, "much of it was dropped")
    assert memory(daemon) - before < 150 * MEBIBYTE


def test_a_frame_that_is_too_long_ends_the_connection(daemon: Daemon, key: Key, admin: Raw) -> None:
    with knocking(daemon.address, key("send")) as client:
        client.links[0].until(zmq.Event.HANDSHAKE_SUCCEEDED)
        before = memory(daemon)
        client.say([b"mixture", b"", bytes(64 * MEBIBYTE)])
        client.links[0].until(zmq.Event.DISCONNECTED)
    assert memory(daemon) - before < 32 * MEBIBYTE


@pytest.mark.slow
def test_ten_thousand_subscribes_leave_room_for_others(key: Key, enter: Enter, admin: Raw, name: str) -> None:
    own = key("listen")
    client = enter(own)
    for number in range(SUBSCRIBES):
        client.post(Subscribe(number + 100, name, f"stem-{number}", "f32le", "lossless", 4_096))
    scolded(client)
    taken = [message for message in client.passed if isinstance(message, Subscribed)]
    refused = [message for message in client.passed if isinstance(message, Fault)]
    assert len(taken) == LIMITS["max_subscriptions"]
    assert {fault.code for fault in refused} == {Overloaded.code}
    assert "security.max_subscriptions" in refused[0].text
    assert len([each for each in admin.state()["pending"] if each["stream"] == name]) == LIMITS["max_subscriptions"]
    admin.opened(name)
    assert admin.listen(name, "mix")


@pytest.mark.slow
def test_a_key_has_its_share_of_streams(key: Key, enter: Enter, name: str, admin: Raw) -> None:
    own = key("send")
    one, other = enter(own), enter(own)
    one.opened(f"{name}-1")
    other.opened(f"{name}-2", timing="realtime")
    for client in (one, other):
        fault = client.open(f"{name}-3")
        assert fault.code == Overloaded.code
        assert "security.max_streams" in fault.text
    admin.opened(f"{name}-3")
    one.answer(one.closing(f"{name}-1"))
    one.opened(f"{name}-4")


@pytest.mark.slow
def test_a_key_has_its_share_of_connections(daemon: Daemon, key: Key, enter: Enter, admin: Raw) -> None:
    own = key("listen")
    clients = [enter(own) for _ in range(LIMITS["max_clients"])]
    with knocking(daemon.address, own) as late:
        late.links[0].until(zmq.Event.HANDSHAKE_SUCCEEDED)
        fault = late.ask(Hello, major=1, minor=0, client="one more", capabilities=())
        assert fault.code == Overloaded.code
        assert "security.max_clients" in fault.text
        clients[0].bye()
        wait_until(
            lambda: late.ask(Hello, major=1, minor=0, client="x", capabilities=()).kind == b"welcome", "there is room"
        )
    assert admin.state()


@pytest.mark.slow
def test_a_thousand_clients_that_come_and_go_leave_nothing(daemon: Daemon, key: Key, admin: Raw) -> None:
    own = key("listen")
    before = memory(daemon)
    for _ in range(1_000):
        with knocking(daemon.address, own) as passing:
            passing.links[0].until(zmq.Event.HANDSHAKE_SUCCEEDED)
            passing.say(to_frames(Hello(1, 1, 0, "passing", ())))
        admin.ping()
    wait_until(lambda: admin.state()["clients"] <= 2, "all have gone")
    assert memory(daemon) - before < 64 * MEBIBYTE
