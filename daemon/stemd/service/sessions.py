"""Who is connected: one session for each client, over its two connections."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from stemd.errors import ProtocolError
from stemd.protocol import MISSES_UNTIL_GONE, PING_INTERVAL

MOVED: Final = "moved"  # a capability of clients: they take the message of this name
GONE_AFTER_NS: Final = int(MISSES_UNTIL_GONE * PING_INTERVAL * 1e9)


@dataclass(slots=True)
class Session:
    """One client: its connection for requests, its connection for stems once attached, when it was heard last.

    `key` is the public key that it came with; None: it was not asked for one.
    """

    peer: bytes
    client: str
    heard_ns: int
    key: str | None = None
    capabilities: frozenset[str] = frozenset()
    stems_peer: bytes | None = None
    token: str = field(default_factory=lambda: secrets.token_hex(16))


class Sessions:
    """The sessions, by connection and by token.

    Attributes:
        begun: how many there were so far.
    """

    def __init__(self) -> None:
        self.begun = 0
        self._by_peer: dict[bytes, Session] = {}
        self._by_token: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_peer.values()))

    def __len__(self) -> int:
        return len(self._by_peer)

    def add(
        self, peer: bytes, client: str, now_ns: int, capabilities: Iterable[str] = (), key: str | None = None
    ) -> Session:
        """Begin a session."""
        session = Session(peer, client, now_ns, key, frozenset(capabilities))
        self._by_peer[peer] = self._by_token[session.token] = session
        self.begun += 1
        return session

    def at(self, peer: bytes) -> Session | None:
        """The session of a connection for requests, whoever it is that speaks there now."""
        return self._by_peer.get(peer)

    def known(self, peer: bytes, key: str | None) -> Session | None:
        """The session of a connection for requests, if it said hello with this key."""
        session = self._by_peer.get(peer)
        return session if session and session.key == key else None

    def of(self, peer: bytes, key: str | None) -> Session:
        """The session of a connection for requests.

        Raises:
            ProtocolError: it has not said hello.
        """
        session = self.known(peer, key)
        if session is None:
            raise ProtocolError("say hello first (or again: the daemon does not know this connection any more)")
        return session

    def named(self, token: str) -> Session | None:
        """The session with a token."""
        return self._by_token.get(token)

    def remove(self, session: Session) -> None:
        """End a session."""
        self._by_peer.pop(session.peer, None)
        self._by_token.pop(session.token, None)
