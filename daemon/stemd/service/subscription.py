"""One listener of one stem: what it is owed, what it can take, and what it lost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from stemd.protocol import Stem, Subscribe
from stemd.service.mailbox import Mailbox, Overflow

Send = Callable[[Stem, bytes], bool]
Left = Callable[[Stem], None]


def _unnoticed(header: Stem) -> None:
    """What is done about a block that has left, where nobody counts."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A stem block that is ready to go but for its numbers in this subscription."""

    header: Stem
    pcm: bytes


class Subscription:
    """Blocks in by `offer`, out by credit. The end of the stream goes out behind the last block, without credit.

    Args:
        number: unique in the daemon.
        session: whose it is.
        request: what was asked for.
        send: hands a block to the socket; False where the socket takes no more now.
    """

    def __init__(self, number: int, session: str, request: Subscribe, send: Send) -> None:
        self.number, self.session = number, session
        self.stream, self.stem, self.format = request.stream, request.stem, request.format
        self.lossless = request.delivery == "lossless"
        self.way = request.way
        self.position: int | None = None  # of the first frame to come, once the stream is open
        self.sequence = 0
        self.ended = False
        self.starved_since: int | None = None  # since when something waits for credit, in ns
        self._until = request.credit
        self._send = send
        self._started = False
        self._left: Left = _unnoticed
        self._box: Mailbox[Parcel] = Mailbox(1, Overflow.REFUSE)
        self._end: Stem | None = None

    def begin(self, position: int, capacity: int, left: Left = _unnoticed) -> None:
        """The stream is open: frames from `position` on will come, of which `capacity` blocks may wait.

        `left` is called with the header of each block once it was handed to the socket.
        """
        self.position, self._left = position, left
        self._box = Mailbox(capacity, Overflow.REFUSE if self.lossless else Overflow.DROP_OLDEST)

    @property
    def dropped(self) -> int:
        """Blocks that were lost because they were not taken in time."""
        return self._box.dropped

    @property
    def waiting(self) -> int:
        """Blocks in the mailbox."""
        return len(self._box)

    @property
    def full(self) -> bool:
        """Whether another block would be lost or refused."""
        return self._box.full

    @property
    def done(self) -> bool:
        """Whether the end was sent, so that nothing is owed any more."""
        return self.ended and self._end is None

    def offer(self, header: Stem, pcm: bytes, now_ns: int) -> bool:
        """Take a block to deliver; False where a lossless mailbox is full."""
        if not self._box.put(Parcel(header, pcm)):
            return False
        self.flush(now_ns)
        return True

    def end(self, header: Stem, now_ns: int) -> None:
        """Say that no block follows; `header` carries the flag `end`."""
        self.ended, self._end = True, header
        self.flush(now_ns)

    def cut(self) -> None:
        """Nobody will wait any longer: what was not taken is lost, and the end goes out now."""
        if self._end:
            header = self._end
            if len(self._box):
                header = replace(header, position=self._box.peek().header.position, flags=("end", "cut"))
            self._end = None
            self._deliver(Parcel(header, b""), 0)

    def credit(self, until: int, now_ns: int) -> None:
        """Blocks with a sequence below `until` may go."""
        self._until = max(self._until, until)
        self.flush(now_ns)

    def flush(self, now_ns: int) -> None:
        """Send what may be sent."""
        while len(self._box) and self.sequence < self._until and self._deliver(self._box.peek(), now_ns):
            self._box.pop()
            self.starved_since = None
        if not len(self._box) and self._end and self._deliver(Parcel(self._end, b""), now_ns):
            self._end = None
        if len(self._box) and self.starved_since is None:
            self.starved_since = now_ns

    def state(self) -> dict[str, Any]:
        """For `status`."""
        return {
            "subscription": self.number,
            "stem": self.stem,
            "delivery": "lossless" if self.lossless else "live",
            "sent": self.sequence,
            "dropped": self.dropped,
            "waiting": self.waiting,
        }

    def _deliver(self, parcel: Parcel, now_ns: int) -> bool:
        flags, way = parcel.header.flags, parcel.header.way
        if not self._started and parcel.header.frames:
            flags = ("start", *flags)
        if way:
            way = replace(way, left=now_ns)
        header = replace(
            parcel.header, subscription=self.number, sequence=self.sequence, dropped=self.dropped, flags=flags, way=way
        )
        if not self._send(header, parcel.pcm):
            return False
        if parcel.header.frames:
            self.sequence += 1
            self._started = True
            self._left(header)
        return True
