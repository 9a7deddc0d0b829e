"""A key that is revoked, or loses a right, while it is in the midst of things."""

from collections.abc import Callable
from typing import Any

import pytest
import zmq

from stemd.errors import DeniedError
from stemd.keys import OwnKey
from stemd.protocol import Closed, Hello, Ping, Plan, SetGain, Status, Welcome, to_frames
from stemd.service.security.allowing import allowed_file
from tests.end_to_end.process import Daemon, folder
from tests.end_to_end.raw import BLOCK, Raw, connected
from tests.end_to_end.reference import recording
from tests.end_to_end.security.hostile import Knocker, account, knocking
from tests.end_to_end.security.premises import Premises, place_of_daemon
from tests.waiting import wait_until

RATE = 44_100
GONE = (zmq.Event.DISCONNECTED, zmq.Event.CLOSED)
Enter = Callable[[OwnKey], Raw]
Key = Callable[..., OwnKey]


@pytest.fixture(scope="module")
def mixture() -> Any:
    return recording(40 * BLOCK, RATE, seed=4)


def strangers(admin: Raw) -> int:
    """Messages and handshakes that the daemon threw away so far."""
    count: int = admin.state()["security"]["strangers"]
    return count


def emptied(client: Raw) -> None:
    """Take all that was on its way to a client."""
    for socket in (client.requests, client.stems):
        while socket.poll(300):
            socket.recv_multipart()


@pytest.fixture
def revoked(daemon: Daemon, premises: Premises, key: Key, admin: Raw) -> Any:
    """A client in mid-conversation whose key is revoked: it owns a stream, and hears it and another."""
    own = key("listen", "send", "control")
    with knocking(daemon.address, own) as client:
        client.links[0].until(zmq.Event.HANDSHAKE_SUCCEEDED)
        client.links[1].until(zmq.Event.HANDSHAKE_SUCCEEDED)
        client.meet()
        yield client, own


def test_a_revoked_key_is_neither_answered_nor_fed_though_its_link_stays_up(
    revoked: tuple[Knocker, OwnKey], premises: Premises, admin: Raw, name: str, mixture: Any
) -> None:
    client, own = revoked
    admin.opened(name)
    for delivery in ("live", "lossless"):
        client.listen(name, "mix", delivery=delivery, credit=512)
    admin.feed(name, mixture[:, : 10 * BLOCK])
    client.take_blocks(min(client.heard), 10)
    premises.revoke(own)
    wait_until(lambda: account(admin, own) is None, "the daemon knows that the key is revoked")
    emptied(client)

    before = strangers(admin)
    messages = [
        *([bytes(part) for part in to_frames(message)] for message in (Hello(1, 1, 0, "x", ()), Status(2), Ping(3))),
        [b"nonsense"],
        [b"status", b"\\xc1", b""],
        [b"mixture", b"", bytes(1_000)],
    ]
    for message in messages:
        client.say(message)
        client.stems.send_multipart(message)
    wait_until(lambda: strangers(admin) >= before + 2 * len(messages), "all that it said has come")
    admin.pour(name, mixture, start=10 * BLOCK)
    assert admin.stream(name) is None, "nobody waits for the credit of one who has gone"
    assert not client.requests.poll(100)
    assert not client.stems.poll(0)
    for link in client.links:
        assert not {*GONE} & {*link.look()}


@pytest.mark.parametrize("timing", ["free", "realtime"])
def test_what_a_revoked_key_has_opened_is_cut_at_once(
    revoked: tuple[Knocker, OwnKey], premises: Premises, admin: Raw, name: str, mixture: Any, timing: str
) -> None:
    client, own = revoked
    client.opened(name, timing=timing)
    number = admin.listen(name, "mix")
    client.mixture(name, 0, mixture[:, :BLOCK])
    assert client.stream(name)
    premises.revoke(own)
    [heard] = admin.take_until_end(number)
    assert heard.end
    assert "cut" in heard.end.flags
    assert admin.stream(name) is None
    assert not [message for message in heard_at(client) if isinstance(message, Closed)]


@pytest.mark.slow
def test_what_a_revoked_key_has_left_behind_is_cut_too(
    revoked: tuple[Knocker, OwnKey], premises: Premises, admin: Raw, name: str
) -> None:
    """A realtime stream outlives its client's silence by five seconds, but not its client's key."""
    client, own = revoked
    client.opened(name, timing="realtime")
    before = admin.state()["clients"]
    wait_until(lambda: admin.state()["clients"] < before, "the client is taken for gone")
    assert admin.stream(name)
    premises.revoke(own)
    wait_until(lambda: account(admin, own) is None, "the daemon knows that the key is revoked")
    assert admin.stream(name) is None


def heard_at(client: Raw) -> list[Any]:
    """What came on the socket for requests, and was not waited for."""
    while (message := client.hear(0.1)) is not None:
        client.passed.append(message)
    return client.passed


@pytest.mark.slow
def test_a_revoked_key_that_is_allowed_again_begins_anew_on_its_old_link(
    revoked: tuple[Knocker, OwnKey], premises: Premises, admin: Raw
) -> None:
    client, own = revoked
    premises.revoke(own)
    wait_until(lambda: account(admin, own) is None, "the daemon knows that the key is revoked")
    premises.allow(own, "listen")
    wait_until(lambda: account(admin, own), "the daemon knows that the key is allowed")
    assert "say hello first" in client.ask(Status).text
    first = client.session
    assert client.meet().session != first
    assert client.state()


def test_a_right_that_is_taken_ends_what_it_was_for_and_nothing_else(
    revoked: tuple[Knocker, OwnKey], premises: Premises, admin: Raw, name: str, mixture: Any
) -> None:
    client, own = revoked
    client.opened(name)
    number = client.listen(name, "mix")
    premises.allow(own, "send")
    fault = client.fault(DeniedError.code)
    assert (fault.subscription, fault.stream) == (number, name)
    client.pour(name, mixture)
    client.until(lambda message: isinstance(message, Closed) and not message.cut)
    client.opened(name)
    premises.allow(own, "listen")
    client.until(lambda message: isinstance(message, Closed) and message.cut and message.stream == name)
    assert client.state()
    assert client.ask(SetGain, stream=name, gains={"vocals": 0.5}).code == DeniedError.code


def test_a_right_that_is_taken_while_a_stream_is_being_opened_leaves_no_stream(
    revoked: tuple[Knocker, OwnKey], premises: Premises, admin: Raw, name: str
) -> None:
    client, own = revoked
    # Segments of a length that nobody has had yet are timed first.
    number = client.opening(name, timing="realtime", plan=Plan(131_072, 65_536, 1_024, 8_192))
    premises.allow(own, "listen")
    reply = client.answer(number)
    if reply.kind == b"opened":
        client.until(lambda message: isinstance(message, Closed) and message.cut)
    else:
        assert reply.code == DeniedError.code
    assert admin.stream(name) is None


@pytest.mark.slow
def test_a_right_that_is_given_holds_at_once(
    revoked: tuple[Knocker, OwnKey], premises: Premises, admin: Raw, key: Key, enter: Enter, name: str
) -> None:
    own = key("listen")
    client = enter(own)
    assert client.open(name).code == DeniedError.code
    premises.allow(own, "listen", "send")
    wait_until(lambda: client.open(name).kind == b"opened", "it may send")


@pytest.mark.slow
def test_a_damaged_list_changes_nothing_and_one_that_is_deleted_lets_nobody_in() -> None:
    address, security = place_of_daemon()
    with folder() as place:
        premises = Premises(place)
        own = premises.key("only", "listen")
        daemon = Daemon(place, {"security": {**security, "keys": str(premises.keys)}}, address)
        try:
            daemon.wait_until_ready()
            with connected(address, key=own) as client:
                file = allowed_file(premises.keys)
                for number, damage in enumerate(("clients = 7", "[clients.only]\\npublic = 'x'", "\\0"), 1):
                    file.write_text(damage)
                    said = "the keys that were allowed before still are"
                    wait_until(lambda: daemon.errors().count(said) == number, "it says that the list is damaged")  # noqa: B023
                    assert client.state()
                file.unlink()
                wait_until(lambda: "nobody is let in" in daemon.errors(), "it has seen that the list is gone")
                client.post(Status(1_000))
                assert not client.requests.poll(200)
            daemon.signal()
            assert daemon.wait() == 0
        finally:
            daemon.kill()


@pytest.mark.slow
def test_a_welcome_is_for_those_who_are_allowed_now(daemon: Daemon, premises: Premises, key: Key, admin: Raw) -> None:
    own = key("listen")
    premises.revoke(own)
    wait_until(lambda: account(admin, own) is None, "the daemon knows that the key is revoked")
    with knocking(daemon.address, own) as late:
        late.links[0].until(zmq.Event.HANDSHAKE_FAILED_AUTH)
    premises.allow(own, "listen")
    wait_until(lambda: account(admin, own), "the daemon knows that the key is allowed")
    with connected(daemon.address, key=own, greet=False) as early:
        assert isinstance(early.ask(Hello, major=1, minor=0, client="x", capabilities=()), Welcome)
