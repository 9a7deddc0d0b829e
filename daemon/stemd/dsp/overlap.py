"""Joins the estimates of neighbouring segments: crossfaded over the overlap, or added where they spill over."""

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp.plan import Span, WindowPlan


class OverlapAdd:
    """Trusted parts in, in order; final frames out, each once.

    In the overlap of length V, at index i: `g_in = (i+1)/(V+1)`, `g_out = (V-i)/(V+1)`. The first part pushed has no
    fade-in and the last no fade-out. A part that never came is pushed as zeros and so fades like any other.

    The estimates of a plan with a spill were windowed where they were made, and are added.
    """

    def __init__(self, plan: WindowPlan, channels: int) -> None:
        self.plan = plan
        ramp = np.arange(1, plan.overlap + 1, dtype=np.float64) / (plan.overlap + 1)
        self._in: Float32Array = ramp.astype(np.float32)
        self._out: Float32Array = ramp[::-1].astype(np.float32)
        self._tail: Float32Array = np.zeros((channels, 0), np.float32)
        self._next: int | None = None

    def push(self, span: Span, trusted: Float32Array) -> Float32Array:
        """Take the estimate (channels, span.reach) of the next segment; give the frames now final.

        They are `[k*hop, (k+1)*hop)`, or fewer where the stream ends before.
        """
        if self._next not in (None, span.index):
            raise ValueError(f"segment {span.index} pushed where {self._next} was due")
        self._next = span.index + 1
        joined = trusted.copy()
        shared = min(self._tail.shape[1], span.reach)
        if span.spill is None:
            joined[:, :shared] *= self._in[:shared]
            self._tail = self._tail[:, :shared] * self._out[:shared]
        joined[:, :shared] += self._tail[:, :shared]
        self._tail = joined[:, self.plan.hop :]
        return joined[:, : self.plan.hop]
