"""When a realtime stream goes on without its source, and how far: lost, late and paused input."""

from typing import Final

_GRACE_NS: Final = 100_000_000  # a block that is later than this has a gap in its place


class Absence:
    """Says how much silence is due. No clock: every time is handed in, in nanoseconds.

    A source that is late is given a grace. Once that is over, silence goes in as time goes by, until the source is
    heard again; then it has its grace again, to find its place.

    Args:
        rate: frames a second.
        block: frames of a block; silence comes in whole blocks.
        latency: frames after which what came goes out; no grace is longer, or the output would wait, too.
    """

    def __init__(self, rate: int, block: int, latency: int) -> None:
        self._rate, self._block = rate, block
        self._block_ns = block * 1_000_000_000 // rate
        self._grace_ns = min(max(_GRACE_NS, 2 * self._block_ns), latency * 1_000_000_000 // rate)
        self._absent = False

    def back(self) -> None:
        """The source was heard."""
        self._absent = False

    def missing(self, due_ns: int, now_ns: int) -> int:
        """How many frames of silence to put in; the frame that is expected was due at `due_ns`."""
        if now_ns < self.next_look(due_ns):
            return 0
        self._absent = True
        late = (now_ns - due_ns) * self._rate // 1_000_000_000
        return max(self._block, late - late % self._block)

    def next_look(self, due_ns: int) -> int:
        """When silence is due if the source is not heard before."""
        return due_ns + (self._block_ns if self._absent else self._grace_ns)
