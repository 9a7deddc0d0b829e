"""The gate between sockets and desk: whose key is not allowed passes nothing, and nobody more than a key may send."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from stemd import protocol as wire
from stemd.config import Security
from stemd.errors import DeniedError, RateError, StemdError
from stemd.service.port import Receiver
from stemd.service.security import rights
from stemd.service.security.bucket import Bucket
from stemd.service.security.keyring import Entry, Keyring

log: Final = logging.getLogger("stemd")
_TOLD_AGAIN: Final = 1_000_000_000  # ns between two errors that say that too much comes

Clock = Callable[[], int]
Refuse = Callable[[bytes, StemdError], None]


class Guest:
    """An entry of the list, and how much of what came from its key so far.

    Args:
        entry: name, key and rights.
        limits: how much may come.
        now_ns: of a monotonic clock.

    Attributes:
        denied: messages for which it had not the right.
        dropped: messages over its limits, of which nothing was read.
    """

    def __init__(self, entry: Entry, limits: Security, now_ns: int) -> None:
        self.entry = entry
        self.denied = self.dropped = 0
        self._told_ns = now_ns - _TOLD_AGAIN
        self._limits = limits
        self._messages = Bucket(limits.messages_per_second, now_ns)
        self._bytes = Bucket(limits.bytes_per_second, now_ns)

    def limit(self, limits: Security, now_ns: int) -> None:
        """Hold these limits from now on; what was used up before stays so."""
        self._limits = limits
        self._messages.refill_at(limits.messages_per_second, now_ns)
        self._bytes.refill_at(limits.bytes_per_second, now_ns)

    def pays(self, size: int, now_ns: int) -> bool:
        """Whether a message of so many bytes is within the limits."""
        if self._messages.take(1, now_ns) and self._bytes.take(size, now_ns):
            return True
        self.dropped += 1
        return False

    def scolding(self, now_ns: int) -> RateError | None:
        """What to tell one that sends too much; None where it was told just now."""
        if now_ns - self._told_ns < _TOLD_AGAIN:
            return None
        self._told_ns = now_ns
        return RateError(
            f"key {self.entry.name!r} sends more than {self._limits.messages_per_second} messages or "
            f"{self._limits.bytes_per_second} bytes a second, and what is over is dropped; send less, or raise "
            "security.messages_per_second and security.bytes_per_second in the daemon's configuration"
        )


class Gate:
    """Knows the guests, and asks each message whose it is. Where nobody is asked for a key, there is nothing to ask.

    Args:
        limits: of each key.
        clock: nanoseconds of CLOCK_MONOTONIC.

    Attributes:
        limits: of each key.
        strangers: handshakes and messages of keys that are not allowed.
    """

    def __init__(self, limits: Security, clock: Clock = time.monotonic_ns) -> None:
        self.limits = limits
        self.strangers = 0
        self._clock = clock
        self._guests: dict[str, Guest] = {}

    def __iter__(self) -> Iterator[Guest]:
        return iter(self._guests.values())

    def let_in(self, ring: Keyring) -> None:
        """Let in these keys and no others from now on; what the others are owed is for the desk to end."""
        before, now = self._guests, self._clock()
        self._guests = {}
        for entry in ring:
            guest = before.get(entry.public) or Guest(entry, self.limits, now)
            guest.entry = entry
            self._guests[entry.public] = guest

    def configure(self, limits: Security) -> None:
        """Hold other limits from now on."""
        if limits == self.limits:
            return
        self.limits = limits
        for guest in self._guests.values():
            guest.limit(limits, self._clock())

    def knows(self, key: str) -> bool:
        """Whether a key is let in; asked at each handshake."""
        if key in self._guests:
            return True
        self.strangers += 1
        log.warning("a key that is not allowed was not let in: %s", key)
        return False

    def lets_in(self, key: str | None) -> bool:
        """Whether somebody may be answered: who was not asked for a key, and who came with one that still is let in."""
        return key is None or key in self._guests

    def entry(self, key: str) -> Entry | None:
        """What a key may do; None: nothing."""
        guest = self._guests.get(key)
        return guest.entry if guest else None

    def name(self, key: str) -> str:
        """What a key is called here, for logs."""
        guest = self._guests.get(key)
        return guest.entry.name if guest else "nobody's"

    def check(self, key: str | None, kind: type[wire.FromClient]) -> None:
        """Refuse a message for which its sender has not the right; who was not asked for a key has all.

        Raises:
            DeniedError: naming the right.
        """
        if key is None:
            return
        guest = self._guests[key]
        try:
            rights.check(guest.entry, kind)
        except DeniedError:
            guest.denied += 1
            raise

    def guarding(self, receive: Receiver, refuse: Refuse) -> Receiver:
        """A receiver that hands on what may pass. The rest costs next to nothing: it is not even decoded.

        Args:
            receive: takes what passes.
            refuse: tells a connection what was wrong.
        """

        def take(peer: bytes, frames: Sequence[bytes | memoryview], key: str | None) -> None:
            guest = self._guests.get(key or "")
            if guest is None:
                self.strangers += 1  # revoked: its link may stay up, but nothing is said on it
                return
            now = self._clock()
            if guest.pays(sum(map(len, frames)), now):
                receive(peer, frames, key)
            elif scolding := guest.scolding(now):
                log.warning("key %s sends more than it may; what is over is dropped", guest.entry.name)
                refuse(peer, scolding)

        return take

    def state(self) -> dict[str, Any]:
        """For `status`."""
        keys = [{"key": g.entry.name, "denied": g.denied, "dropped": g.dropped} for g in self._guests.values()]
        return {"strangers": self.strangers, "keys": keys}
