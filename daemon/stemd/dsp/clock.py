"""A device's clock, told from callbacks that come late, alone or in bursts, but never early.

Lateness has one sign, so the earliest callback of every half second tells most (Moon, Skelly, Towsley, "Estimation and
removal of clock skew from network delay measurements", INFOCOM 1999). A line goes through these earliest ones, by
least squares; one that lies far above it, because a whole half second was late, counts by its distance and not by its
square (P. J. Huber, "Robust estimation of a location parameter", Ann. Math. Stat. 35, 1964).

With S the window and a rate that changes by x at once, the line's end is wrong by at most 4/27 * S * x (least squares
at a kink), and by another half second's x before the next point is in: 0.18 ms for 80 ppm. Its slope is right after S.
"""

import math
from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

_BUCKET_SECONDS: Final = 0.5
_BUCKETS: Final = 24  # of which the line is drawn: 12 s
_LATE_NS: Final = 100_000.0  # what is above the line by more counts less
_ROUNDS: Final = 12  # of reweighting
_SETTLE_SECONDS: Final = 4.0
_SETTLE_PPM: Final = 20.0
_JUMP_NS: Final = 100_000_000.0  # a device that is off by more has paused or skipped: begin anew

_Point = tuple[int, float]  # frames since the origin, nanoseconds beyond their nominal time
_Line = tuple[
    float, float, float
]  # nanoseconds at the origin, and per frame beyond the nominal ones; the latter's error


class ClockFilter:
    """T(frame): when a device's frame counter stood at `frame`, on the clock by which its callbacks are timed.

    Args:
        rate: nominal frames per second.

    Attributes:
        jumps: how often the device paused or skipped, so that all before was forgotten.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.jumps = 0
        self._nominal = 1e9 / rate
        self._points: deque[_Point] = deque(maxlen=_BUCKETS)
        self._line: _Line | None = None
        self._earliest: _Point = (0, math.inf)
        self.forget()

    @property
    def span(self) -> float:
        """Seconds of frames that the line is drawn through; 0 while there is no line."""
        return (self._points[-1][0] - self._points[0][0]) / self.rate if self._line else 0.0

    @property
    def period(self) -> float:
        """Measured nanoseconds per frame; the nominal ones while there is no line."""
        return self._nominal + (self._line[1] if self._line else 0.0)

    @property
    def settled(self) -> bool:
        """Whether the period is known to 20 ppm (standard error), or as well as it will ever be."""
        if self._line is None or self.span < _SETTLE_SECONDS:
            return False
        return len(self._points) == _BUCKETS or self._line[2] < 1e-6 * _SETTLE_PPM * self._nominal

    def forget(self) -> None:
        """Begin anew with the next callback."""
        self._newest = -1
        self._begin(0, 0)

    def note(self, frame: int, now_ns: int) -> None:
        """A callback came at `now_ns`, and the counter (frames since the device started) is at `frame`."""
        if self._newest < 0:
            self._begin(frame, now_ns)
        elif frame < self._newest:
            self._jump(frame, now_ns)
        self._newest = frame
        at = frame - self._origin[0]
        if at >= self._bucket_end and not self._close_bucket(at):
            self._jump(frame, now_ns)
            at = 0
        late = float(now_ns - self._origin[1]) - at * self._nominal
        slope = self._line[1] if self._line else 0.0
        self._earliest = min(self._earliest, (at, late), key=lambda point: point[1] - slope * point[0])

    def at(self, frame: float) -> int:
        """T(frame) in nanoseconds.

        Raises:
            ValueError: there is no line yet.
        """
        (frame_0, ns_0), offset = self._origin, self._offset()
        return ns_0 + round(offset + (frame - frame_0) * self.period)

    def frame_at(self, time_ns: int) -> float:
        """Where the counter stands at `time_ns`, between frames as well.

        Raises:
            ValueError: there is no line yet.
        """
        (frame_0, ns_0), offset = self._origin, self._offset()
        return frame_0 + (time_ns - ns_0 - offset) / self.period

    def _offset(self) -> float:
        if self._line is None:
            raise ValueError("too few callbacks were noted, so nothing is known of the device's clock")
        return self._line[0]

    def _begin(self, frame: int, now_ns: int) -> None:
        self._points.clear()
        self._line = None
        self._origin = (frame, now_ns)
        self._bucket_end = _BUCKET_SECONDS * self.rate
        self._earliest = (0, math.inf)

    def _jump(self, frame: int, now_ns: int) -> None:
        self.jumps += 1
        self._begin(frame, now_ns)

    def _close_bucket(self, at: int) -> bool:
        """Take the earliest callback since the last time into the line; False if the device jumped."""
        frame, late = self._earliest
        if self._line and abs(late - self._line[0] - self._line[1] * frame) > _JUMP_NS:
            return False
        self._points.append(self._earliest)
        if len(self._points) > 1:
            self._line = _line_through(np.array(self._points))
        self._earliest = (0, math.inf)
        self._bucket_end = at + _BUCKET_SECONDS * self.rate
        return True


def _line_through(points: npt.NDArray[np.float64]) -> _Line:
    """The line through rows (x, y): least squares below, Huber's loss above it."""
    x, y = points.T
    weights = np.ones_like(x)
    for _ in range(_ROUNDS):
        weights /= weights.sum()
        middle = float(weights @ x)
        spread = float(weights @ (x - middle) ** 2)
        slope = float(weights @ ((x - middle) * y)) / spread
        offset = float(weights @ y) - slope * middle
        above = y - offset - slope * x
        weights = _LATE_NS / np.maximum(above, _LATE_NS)
    weights /= weights.sum()
    error = math.sqrt(float(weights @ above**2) / spread / max(1, x.size - 2))
    return offset, slope, error
