"""Messages out: replies and faults on the socket for requests, stem blocks on the other."""

from stemd.errors import StemdError
from stemd.protocol import Fault, FromDaemon, Stem, to_frames
from stemd.service.port import Port
from stemd.service.sessions import Session, Sessions


class Courier:
    """Knows which connection belongs to whom. Nothing here waits: who takes nothing, gets nothing.

    Args:
        requests: the port for requests.
        stems: the port for stems.
        sessions: who is connected.
    """

    def __init__(self, requests: Port, stems: Port, sessions: Sessions) -> None:
        self._requests, self._stems, self._sessions = requests, stems, sessions

    def reply(self, session: Session, message: FromDaemon) -> None:
        """Send to a client's connection for requests."""
        self._requests.send(session.peer, to_frames(message))

    def tell(self, token: str, message: FromDaemon) -> None:
        """The same by token; nothing where the session is over."""
        if session := self._sessions.named(token):
            self.reply(session, message)

    def stem(self, session: Session, header: Stem, pcm: bytes) -> bool:
        """Send a block; False where the client is not attached yet, has gone, or takes no more now."""
        return session.stems_peer is not None and self._stems.send(session.stems_peer, to_frames(header, pcm))

    def refuse(self, peer: bytes, error: StemdError, *, request: int | None = None, stream: str | None = None) -> None:
        """Tell a connection for requests what was wrong with its message."""
        self._requests.send(peer, to_frames(fault(error, request=request, stream=stream)))


def fault(
    error: StemdError, *, request: int | None = None, stream: str | None = None, subscription: int | None = None
) -> Fault:
    """An error as a message."""
    return Fault(error.code, str(error)[:2_000], request, stream, subscription)
