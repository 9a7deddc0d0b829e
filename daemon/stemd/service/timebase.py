"""When the frames of a source were captured, told from the jittery arrival of its blocks.

A second-order delay-locked loop (F. Adriaensen, "Using a DLL to filter time", LAC 2005) over (position, arrival). It
needs no clock of its own: every time is handed in, in nanoseconds of CLOCK_MONOTONIC.
"""

import math
from typing import Final

_BANDWIDTH: Final = 0.1  # Hz; slow against jitter, fast against drift
_JUMP_NS: Final = 200_000_000  # a source that is off by more has paused or skipped: begin anew
_PULL: Final = 0.005  # the most by which a source's clock may differ from ours


class TimeBase:
    """T(p), the source's time of position p, in nanoseconds of CLOCK_MONOTONIC.

    Args:
        rate: nominal frames per second.
    """

    def __init__(self, rate: int) -> None:
        self._nominal = 1e9 / rate
        self._period = self._nominal
        self._position = 0
        self._time: float | None = None
        self.jumps = 0

    @property
    def started(self) -> bool:
        """Whether a block has arrived."""
        return self._time is not None

    def at(self, position: int) -> int:
        """T(position). Before the first block there is no time base.

        Raises:
            ValueError: no block has arrived.
        """
        if self._time is None:
            raise ValueError("no block has arrived, so there is no time base")
        return round(self._time + (position - self._position) * self._period)

    def position_at(self, time_ns: int) -> float:
        """The position p with T(p) = `time_ns`.

        Raises:
            ValueError: no block has arrived.
        """
        if self._time is None:
            raise ValueError("no block has arrived, so there is no time base")
        return self._position + (time_ns - self._time) / self._period

    def arrived(self, position: int, now_ns: int) -> None:
        """Take note that the block which begins at `position` arrived at `now_ns`."""
        if self._time is None:
            self._position, self._time = position, float(now_ns)
            return
        frames = position - self._position
        expected = self._time + frames * self._period
        error = now_ns - expected
        if abs(error) > _JUMP_NS:
            self.jumps += 1
            self._position, self._time, self._period = position, float(now_ns), self._nominal
            return
        omega = min(0.5, 2 * math.pi * _BANDWIDTH * frames * self._nominal / 1e9)
        self._position = position
        self._time = expected + math.sqrt(2) * omega * error
        if frames > 0:
            period = self._period + omega * omega * error / frames
            self._period = min(max(period, self._nominal * (1 - _PULL)), self._nominal * (1 + _PULL))
