"""Allowed keys that go for what is others': sessions, streams, subscriptions, names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zmq

from stemd.keys import OwnKey
from stemd.protocol import Attach, Attached, Credit, Fault, Hello, Unsubscribe, to_frames
from tests.end_to_end.process import Daemon
from tests.end_to_end.raw import BLOCK, Raw
from tests.end_to_end.reference import recording
from tests.end_to_end.security.hostile import knocking
from tests.end_to_end.talk import PATIENCE, receive
from tests.waiting import wait_until

RATE = 44_100
Enter = Callable[[OwnKey], Raw]
Key = Callable[..., OwnKey]


@pytest.fixture(scope="module")
def mixture() -> Any:
    return recording(40 * BLOCK, RATE, seed=3)


def test_a_stolen_session_is_of_no_use_to_another_key(key: Key, enter: Enter, name: str, mixture: Any) -> None:
    owner, thief = enter(key("listen", "send")), enter(key("listen", "send", "control"))
    owner.opened(name)
    number = owner.listen(name, "mix")
    thief.stems.send_multipart(to_frames(Attach(owner.session)))
    answer, _ = receive(thief.stems, PATIENCE)
    assert isinstance(answer, Fault)
    assert "no such session" in answer.text
    owner.pour(name, mixture)
    [heard] = owner.take_until_end(number)
    assert np.array_equal(heard.samples, mixture)
    assert not thief.stems.poll(0)


def test_the_session_of_ones_own_key_can_be_attached_anew(key: Key, enter: Enter, name: str, mixture: Any) -> None:
    own = key("listen", "send")
    one, other = enter(own), enter(own)
    other.stems.send_multipart(to_frames(Attach(one.session)))
    assert isinstance(receive(other.stems, PATIENCE)[0], Attached)


def test_the_streams_of_others_can_be_neither_fed_nor_closed_nor_taken(
    key: Key, enter: Enter, name: str, mixture: Any
) -> None:
    owner, thief = enter(key("listen", "send")), enter(key("listen", "send", "control"))
    owner.opened(name)
    number = owner.listen(name, "mix")
    thief.mixture(name, 0, mixture[:, :BLOCK])
    assert thief.fault("unknown-stream").stream == name
    assert thief.answer(thief.closing(name)).code == "unknown-stream"
    assert thief.open(name).code == "stream-exists"
    owner.pour(name, mixture)
    [heard] = owner.take_until_end(number)
    assert np.array_equal(heard.samples, mixture)


def test_the_subscriptions_of_others_can_be_neither_ended_nor_driven(
    key: Key, enter: Enter, name: str, mixture: Any
) -> None:
    owner, thief = enter(key("listen", "send")), enter(key("listen", "send", "control"))
    owner.opened(name)
    number = owner.listen(name, "mix", credit=4)
    thief.post(Credit(number, 1_000))
    thief.ask(Unsubscribe, subscription=number)
    owner.feed(name, mixture[:, : 10 * BLOCK])
    owner.take_blocks(number, 4)
    assert owner.take(timeout=0.1) is None, "nobody else gives credit"
    owner.credit(number, 1_000)
    owner.pour(name, mixture, start=10 * BLOCK)
    [heard] = owner.take_until_end(number)
    assert np.array_equal(heard.samples, mixture)


@pytest.mark.parametrize("routing_id", [b"me", b"\0abcd"])
def test_a_connection_that_names_itself_gets_nothing_that_is_anothers(
    daemon: Daemon, key: Key, admin: Raw, name: str, mixture: Any, routing_id: bytes
) -> None:
    """Neither while the other of that name is there, nor once it has gone and blocks are still to be sent to it."""
    admin.opened(name)
    with knocking(daemon.address, key("listen"), routing_id) as other:
        with knocking(daemon.address, key("listen"), routing_id) as one:
            number = one.meet().listen(name, "mix")
            other.meet()
            admin.feed(name, mixture[:, : 10 * BLOCK])
            one.take_blocks(number, 10)
        with knocking(daemon.address, key("listen"), routing_id) as late:
            late.links[1].until(zmq.Event.HANDSHAKE_SUCCEEDED)
            late.ask(Hello, major=1, minor=0, client="late", capabilities=())
            admin.feed(name, mixture[:, 10 * BLOCK : 20 * BLOCK], start=10 * BLOCK)
            wait_until(lambda: (admin.stream(name) or {})["given"] >= 20 * BLOCK, "the blocks were sent")
            assert not late.stems.poll(100)
        assert not other.stems.poll(0)


def test_names_of_keys_are_all_that_others_learn(key: Key, enter: Enter, admin: Raw) -> None:
    own = key("listen")
    told = repr(enter(own).state())
    assert own.name in told
    for secret in (own.pair.public, own.pair.secret, own.daemon):
        assert secret not in told
