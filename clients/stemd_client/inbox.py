"""Where the things go that a daemon sends unasked: credit and faults to streams, blocks to subscriptions."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stemd.errors import StemdError, from_code
from stemd.protocol import MAX_CREDIT, Closed, Fault, FromDaemon, Grant, Moved, Stem

if TYPE_CHECKING:
    from stemd_client.stream import Stream
    from stemd_client.subscription import Subscription


class Inbox:
    """The open streams by name and the living subscriptions by number, and the way to them."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self.subscriptions: dict[int, Subscription] = {}
        self._expected = 0
        # The sockets race: blocks may come before the reply that names their subscription. They wait here while any
        # such reply is due, at most the credit given; overflow, which a true daemon cannot cause, drops the oldest.
        self._early: dict[int, deque[tuple[Stem, memoryview, int]]] = {}

    def take(self, message: FromDaemon, pcm: memoryview, received_ns: int) -> None:
        """Hand a message on. Faults about something that has ended here meanwhile are dropped.

        Raises:
            StemdError: a fault that is about neither stream nor subscription, thus about the connection.
        """
        if isinstance(message, Stem):
            self._stem(message, pcm, received_ns)
        elif isinstance(message, Grant) and message.stream in self.streams:
            self.streams[message.stream].on_grant(message.until)
        elif isinstance(message, Moved) and message.stream in self.streams:
            self.streams[message.stream].on_moved(message.position)
        elif isinstance(message, Closed) and message.stream in self.streams:
            self.streams[message.stream].on_closed(message)
        elif isinstance(message, Fault):
            self._fault(message, from_code(message.code, message.text))

    def _stem(self, header: Stem, pcm: memoryview, received_ns: int) -> None:
        subscription = self.subscriptions.get(header.subscription)
        if subscription is not None:
            subscription.on_block(header, pcm, received_ns)
        elif self._expected:
            early = self._early.setdefault(header.subscription, deque(maxlen=MAX_CREDIT + 1))
            early.append((header, pcm, received_ns))

    def _fault(self, fault: Fault, error: StemdError) -> None:
        if fault.subscription is not None:
            if fault.subscription in self.subscriptions:
                self.subscriptions[fault.subscription].on_fault(error)
        elif fault.stream is not None:
            if fault.stream in self.streams:
                self.streams[fault.stream].on_fault(error)
        else:
            raise error

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Keep blocks of unknown subscriptions: a request that will name one is under way."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1
            if not self._expected:
                self._early.clear()

    def add(self, number: int, subscription: "Subscription") -> None:
        """Send the blocks of this subscription there from now on, those that came early first."""
        self.subscriptions[number] = subscription
        for early in self._early.pop(number, ()):
            subscription.on_block(*early)

    def lost(self) -> None:
        """Wake everyone who waits: the connection has an error."""
        for stream in self.streams.values():
            stream.on_lost()
        for subscription in self.subscriptions.values():
            subscription.on_lost()
