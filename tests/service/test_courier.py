"""Who is told what: a session whose key was revoked nothing, whatever was still to be said."""

from collections.abc import Sequence

import pytest

from stemd.config import Security
from stemd.errors import StreamError
from stemd.protocol import Grant
from stemd.service.courier import Courier
from stemd.service.security.gate import Gate
from stemd.service.security.keyring import Entry, Keyring
from stemd.service.sessions import Sessions
from tests.protocol.make_golden import stem


class Outbox:
    """A fake port: keeps to whom something was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, peer: bytes, frames: Sequence[bytes | memoryview]) -> bool:
        self.sent.append(peer)
        return True


KEY = "1" * 40
DESK = Keyring([Entry("desk", KEY, frozenset({"listen"}))])


class Office:
    """A courier, a client with a session, and what is sent to its two connections."""

    def __init__(self, key: str | None) -> None:
        self.requests, self.stems, self.gate = Outbox(), Outbox(), Gate(Security())
        self.gate.let_in(DESK)
        sessions = Sessions()
        self.courier = Courier(self.requests, self.stems, sessions, self.gate)  # type: ignore[arg-type]
        self.session = sessions.add(b"one", "client", 0, key=key)
        self.courier.attach(self.session, b"two")

    def say_everything(self) -> bool:
        """Say all that can be said to a session; whether a block could be sent."""
        self.courier.reply(self.session, Grant("desk", 1))
        self.courier.fail(self.session, StreamError("too late"), request=1)
        self.courier.tell(self.session.token, Grant("desk", 2))
        return self.courier.stem(self.session, stem(), b"")


@pytest.mark.parametrize("key", [None, KEY])
def test_a_session_is_sent_what_it_is_due(key: str | None) -> None:
    office = Office(key)
    assert office.say_everything()
    assert (office.requests.sent, office.stems.sent) == ([b"one"] * 3, [b"two"] * 2)


def test_a_session_whose_key_was_revoked_is_sent_nothing_whatever_it_was_due() -> None:
    office = Office(KEY)
    office.gate.let_in(Keyring())
    assert not office.say_everything()
    assert (office.requests.sent, office.stems.sent) == ([], [b"two"])


def test_a_connection_belongs_to_the_key_that_greeted() -> None:
    sessions = Sessions()
    session = sessions.add(b"one", "client", 0, key="1")
    assert sessions.known(b"one", "1") is session
    for other in ("2", "", None):
        assert sessions.known(b"one", other) is None
