"""When a block is due in OBS, and what is missing before it."""

from dataclasses import dataclass
from typing import Final

from stemd.protocol import Stem

SECOND: Final = 1_000_000_000

# OBS mixes 21 ms at a time: what is stamped with its own time of arrival would come too late for its place, and OBS
# would hold back all its sound and picture from then on.
LEAD_NS: Final = 50_000_000

# OBS itself takes stamps that are less than 70 ms off for a continuation. What is corrected has to be more.
JUMP_NS: Final = 80_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block goes: the time of its first frame in ns of this host's monotonic clock, and what is before it.

    `missing` frames of silence, due at `missing_ns`, fill what was dropped on the way.
    """

    due_ns: int
    missing: int
    missing_ns: int


class Timeline:
    """Gives the blocks of a subscription their times.

    A block is due `latency` after its capture, and `LEAD_NS` later. Times are counted on from the first block by
    position, so that neither jitter nor rounding comes between two blocks; where the source's clock has moved `JUMP_NS`
    away, they begin anew. A hole of at most a second is told as missing, for OBS would close up a short one.
    """

    def __init__(self) -> None:
        self._stream = ""  # the incarnation that the rest is about
        self._zero_ns = 0  # when position 0 would be due
        self._next = 0

    def place(self, header: Stem, offset_ns: int = 0) -> Place:
        """The place of a block.

        Args:
            header: of the block; blocks come in order.
            offset_ns: the daemon's clock less this host's.
        """
        since_zero = header.position * SECOND // header.rate
        latency_ns = header.latency * SECOND // header.rate
        promised = header.capture_ns - offset_ns + latency_ns + LEAD_NS
        missing = header.position - self._next
        if header.incarnation != self._stream or abs(self._zero_ns + since_zero - promised) >= JUMP_NS:
            self._stream, self._zero_ns, missing = header.incarnation, promised - since_zero, 0
        if not 0 <= missing <= header.rate:
            missing = 0
        self._next = header.position + header.frames
        missing_ns = self._zero_ns + (header.position - missing) * SECOND // header.rate
        return Place(self._zero_ns + since_zero, missing, missing_ns)
