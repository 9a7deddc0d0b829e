"""Messages out: replies and faults on the socket for requests, stem blocks on the other."""

from collections import Counter

from stemd.errors import StemdError
from stemd.protocol import Attached, Fault, FromDaemon, Stem, to_frames
from stemd.service.port import Port
from stemd.service.security.gate import Gate
from stemd.service.sessions import Session, Sessions


class Courier:
    """Knows which connection belongs to whom. Nothing here waits: who takes nothing, gets nothing.

    Args:
        requests: the port for requests.
        stems: the port for stems.
        sessions: who is connected.
        gate: says whose key is let in; others are sent nothing, whatever they were still due.

    Attributes:
        refused: messages that were answered with a fault, by its code.
    """

    def __init__(self, requests: Port, stems: Port, sessions: Sessions, gate: Gate) -> None:
        self.refused: Counter[str] = Counter()
        self._requests, self._stems, self._sessions, self._gate = requests, stems, sessions, gate

    def attach(self, session: Session, peer: bytes) -> None:
        """Send a session's stems to a connection for stems from now on, and tell it so."""
        session.stems_peer = peer
        self._stems.send(peer, to_frames(Attached(session.token)))

    @property
    def unread(self) -> bool:
        """Whether something that clients said has come in and was not looked at yet."""
        return self._requests.unread

    def reply(self, session: Session, message: FromDaemon) -> None:
        """Send to a client's connection for requests."""
        if self._gate.lets_in(session.key):
            self._requests.send(session.peer, to_frames(message))

    def tell(self, token: str, message: FromDaemon) -> None:
        """The same by token; nothing where the session is over."""
        if session := self._sessions.named(token):
            self.reply(session, message)

    def stem(self, session: Session, header: Stem, pcm: bytes) -> bool:
        """Send a block; False where the client is not attached yet, has gone, or takes no more now."""
        if session.stems_peer is None or not self._gate.lets_in(session.key):
            return False
        return self._stems.send(session.stems_peer, to_frames(header, pcm))

    def fail(self, session: Session, error: StemdError, *, request: int, stream: str | None = None) -> None:
        """Tell a client that a request of its has failed meanwhile."""
        self.refused[error.code] += 1
        self.reply(session, fault(error, request=request, stream=stream))

    def refuse(self, peer: bytes, error: StemdError, *, request: int | None = None, stream: str | None = None) -> None:
        """Tell a connection for requests what was wrong with its message."""
        self.refused[error.code] += 1
        self._requests.send(peer, to_frames(fault(error, request=request, stream=stream)))

    def refuse_stems(self, peer: bytes, error: StemdError) -> None:
        """Tell a connection for stems what was wrong with its message."""
        self.refused[error.code] += 1
        self._stems.send(peer, to_frames(fault(error)))


def fault(
    error: StemdError, *, request: int | None = None, stream: str | None = None, subscription: int | None = None
) -> Fault:
    """An error as a message."""
    return Fault(error.code, str(error)[:2_000], request, stream, subscription)
