"""What a listener counts."""

from collections import deque
from typing import Final

import numpy as np

from stemd.protocol import Stem
from stemd_client.clock import RoundTrip
from stemd_client.subscription import StemBlock

_LATENCIES: Final = 65_536  # of the last blocks; older ones are forgotten


class Tally:
    """Blocks, losses, flags and latency of one subscription.

    Latency runs from the time base of a block's first frame to this host's receive call.

    Args:
        clock: how this host's clock is related to the daemon's; None on one and the same host.
    """

    def __init__(self, clock: RoundTrip | None = None):
        self._clock = clock
        self._offset_ns = clock.offset_ns if clock else 0
        self._latencies: deque[int] = deque(maxlen=_LATENCIES)
        self._last: Stem | None = None
        self.blocks = 0
        self.frames = 0
        self.gaps = 0
        self.degraded = 0

    @property
    def dropped(self) -> int:
        """Blocks that the daemon dropped because they were not taken in time."""
        return self._last.dropped if self._last else 0

    @property
    def latency_ms(self) -> tuple[float, float]:
        """Median and 99th percentile; NaN before the first block."""
        if not self._latencies:
            return float("nan"), float("nan")
        p50, p99 = np.percentile(np.array(self._latencies), (50, 99)) / 1e6
        return float(p50), float(p99)

    def take(self, block: StemBlock) -> None:
        """Count a block."""
        self._last = block.header
        self.blocks += 1
        self.frames += block.header.frames
        self.gaps += "gap" in block.header.flags
        self.degraded += "degraded" in block.header.flags
        self._latencies.append(block.received_ns + self._offset_ns - block.header.capture_ns)

    def finish(self, end: Stem) -> None:
        """Take note of the end."""
        self._last = end

    def summary(self) -> str:
        """Two lines for people."""
        if not self.blocks or self._last is None:
            return "no blocks came"
        p50, p99 = self.latency_ms
        error = f" (clocks differ by at most {self._clock.round_trip_ns / 2e6:.1f} ms more)" if self._clock else ""
        declared = 1000 * self._last.latency / self._last.rate
        return (
            f"{self.blocks} blocks ({self.frames / self._last.rate:.2f} s), {self.dropped} dropped, {self.gaps} with "
            f"gaps, {self.degraded} degraded\n"
            f"latency declared {declared:.1f} ms, received p50 {p50:.1f} ms, p99 {p99:.1f} ms{error}"
        )
