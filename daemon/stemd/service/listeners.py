"""Every subscription in the daemon, pending ones too."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

from stemd.config import Server as Limits
from stemd.errors import Overloaded, StemdError, StreamClosed, SubscriberStalled
from stemd.protocol import Subscribe
from stemd.service.courier import Courier, fault
from stemd.service.sessions import Session
from stemd.service.stream import Stream
from stemd.service.subscription import Send, Subscription


class Listeners:
    """Subscriptions by number.

    Args:
        limits: how many there may be, and how long one may stall.
        courier: sends what they are due.

    Attributes:
        lost: blocks that subscriptions which are over by now lost.
        ended: subscriptions that were ended by force, by the code of the fault.
    """

    def __init__(self, limits: Limits, courier: Courier) -> None:
        self._limits, self._courier = limits, courier
        self._numbers = itertools.count(1)
        self._all: dict[int, Subscription] = {}
        self._dismissed = False
        self.lost = 0
        self.ended: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Subscription]:
        return iter(list(self._all.values()))

    def configure(self, limits: Limits) -> None:
        """Hold other limits from now on."""
        self._limits = limits

    def add(
        self, session: Session, request: Subscribe, stream: Stream | None, send: Send | None = None
    ) -> Subscription:
        """Begin a subscription; without a stream it is pending. `send` overrides where its blocks go.

        Raises:
            Overloaded: there are too many.
            StreamClosed: there is no such stream, and the daemon stops, so that none will come.
            UnknownStemError: the stream does not offer the stem.
        """
        if len(self._all) >= self._limits.max_subscriptions:
            raise Overloaded(f"there are {len(self._all)} subscriptions, the most that server.max_subscriptions allows")
        deliver = send or partial(self._courier.stem, session)
        subscription = Subscription(next(self._numbers), session.token, request, deliver)
        if stream:
            stream.subscribe(subscription)
        elif self._dismissed:
            raise _never(request.stream)
        self._all[subscription.number] = subscription
        return subscription

    def of(self, session: Session, number: int) -> Subscription | None:
        """A session's subscription; None where it has just ended, which a client cannot know yet."""
        subscription = self._all.get(number)
        return subscription if subscription and subscription.session == session.token else None

    def owned_by(self, session: Session) -> list[Subscription]:
        """All of a session's subscriptions."""
        return [s for s in self._all.values() if s.session == session.token]

    def pending(self, stream: str | None = None) -> list[Subscription]:
        """Those that wait for a stream to be opened."""
        waiting = [s for s in self._all.values() if s.position is None and not s.ended]
        return [s for s in waiting if stream in (None, s.stream)]

    def join(self, stream: Stream) -> None:
        """Let those that waited for this stream take part."""
        for subscription in self.pending(stream.name):
            try:
                stream.subscribe(subscription)
            except StemdError as error:
                self.drop(subscription, error)

    def forget(self, subscription: Subscription, stream: Stream | None) -> None:
        """End a subscription without a word."""
        self._remove(subscription)
        if stream:
            stream.unsubscribe(subscription)

    def drop(self, subscription: Subscription, error: StemdError) -> None:
        """End a subscription, and tell why."""
        self._remove(subscription)
        self.ended[error.code] += 1
        message = fault(error, stream=subscription.stream, subscription=subscription.number)
        self._courier.tell(subscription.session, message)

    def credit(self, subscription: Subscription, until: int, stream: Stream | None) -> None:
        """Let blocks with a sequence below `until` go."""
        subscription.credit(until, time.monotonic_ns())
        self._settle(subscription, stream)

    def look_after(self, streams: dict[str, Stream]) -> None:
        """Try again what a full socket refused, and drop lossless subscriptions of free streams that stall."""
        now = time.monotonic_ns()
        for subscription in list(self._all.values()):
            stream = streams.get(subscription.stream)
            subscription.flush(now)
            self._settle(subscription, stream)
            since = subscription.starved_since
            if since is None or now - since < self._limits.stall_timeout * 1e9:
                continue
            holds = stream is not None and subscription.lossless and not stream.promise.realtime
            if subscription.ended or holds:
                self.forget(subscription, stream)
                self.drop(subscription, self._stalled(subscription))

    @property
    def owed(self) -> list[Subscription]:
        """Those whose stream has ended, but who have not been sent all of it."""
        return [s for s in self._all.values() if s.ended and not s.done]

    def cut(self) -> None:
        """Tell those who are owed something that it will not come."""
        for subscription in self.owed:
            subscription.cut()
        self.settle()

    def dismiss(self) -> None:
        """Tell those who wait for a stream, and whoever may come, that it will not be opened: the daemon stops."""
        self._dismissed = True
        for subscription in self.pending():
            self.drop(subscription, _never(subscription.stream))

    def settle(self) -> None:
        """Forget those whose end was sent."""
        for subscription in list(self._all.values()):
            self._settle(subscription, None)

    def _settle(self, subscription: Subscription, stream: Stream | None) -> None:
        if subscription.done:
            self._remove(subscription)
        elif stream and subscription.lossless and not subscription.full:
            stream.pump()

    def _remove(self, subscription: Subscription) -> None:
        if self._all.pop(subscription.number, None):
            self.lost += subscription.dropped

    def _stalled(self, subscription: Subscription) -> SubscriberStalled:
        return SubscriberStalled(
            f"subscription {subscription.number} ({subscription.stream}/{subscription.stem}) gave no credit for "
            f"{self._limits.stall_timeout:g} s and was dropped; read its blocks, or use delivery 'live'"
        )


def _never(stream: str) -> StreamClosed:
    return StreamClosed(f"the daemon stops; stream {stream!r} will not be opened")
