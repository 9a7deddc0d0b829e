"""How much one key may have at a time: sessions, streams, subscriptions."""

from stemd.config import Security
from stemd.config import Server as Limits
from stemd.errors import Overloaded
from stemd.service.listeners import Listeners
from stemd.service.sessions import Session, Sessions
from stemd.service.streams import Streams


class Quota:
    """Counts what there is, by key. Whoever was not asked for one has only the limits that are for all together.

    Args:
        sessions: who is connected.
        streams: every stream.
        listeners: every subscription.
    """

    def __init__(self, sessions: Sessions, streams: Streams, listeners: Listeners) -> None:
        self._sessions, self._streams, self._listeners = sessions, streams, listeners

    def check_session(self, key: str | None, limits: Limits, each: Security) -> None:
        """Refuse one more session.

        Raises:
            Overloaded: there are as many as there may be.
        """
        if len(self._sessions) >= limits.max_clients:
            raise Overloaded(f"{len(self._sessions)} clients are here, the most that server.max_clients allows")
        if key is not None and sum(session.key == key for session in self._sessions) >= each.max_clients:
            raise _too_many(each.max_clients, "clients", "max_clients")

    def check_stream(self, session: Session, each: Security) -> None:
        """Refuse one more stream of a session's key.

        Raises:
            Overloaded: there are as many as it may have.
        """
        if session.key is not None and self._streams.holders.count(session.key) >= each.max_streams:
            raise _too_many(each.max_streams, "streams", "max_streams")

    def check_subscription(self, session: Session, each: Security) -> None:
        """Refuse one more subscription of a session's key.

        Raises:
            Overloaded: there are as many as it may have.
        """
        if session.key is None:
            return
        tokens = {other.token for other in self._sessions if other.key == session.key}
        if sum(subscription.session in tokens for subscription in self._listeners) >= each.max_subscriptions:
            raise _too_many(each.max_subscriptions, "subscriptions", "max_subscriptions")


def _too_many(count: int, what: str, limit: str) -> Overloaded:
    return Overloaded(f"this key has {count} {what}, the most that security.{limit} allows one key")
