"""Whole recordings instead of segments: what a second of audio costs, by the plan `studio` and the article's way."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from stemd.audio import Float32Array
from stemd_bench.network.aggregation import Estimate, Joining, article, join, studio
from stemd_bench.network.facts import parity
from stemd_bench.suite import Case

PLAN: Final = "joined: hop 75 %"
HANN: Final = "joined: hop 25 %, Hann"
SECONDS: Final = 30.0
QUICK_SECONDS: Final = 8.0
# A run takes a minute, and is no more exact for being repeated.
_TIMES: Final = 1


class Joined:
    """The same recording, both ways, with the same network.

    Args:
        mixture: (2, frames).
        rate: Hz.
        segment: frames.
        estimate: the network.
    """

    def __init__(self, mixture: Float32Array, rate: int, segment: int, estimate: Estimate) -> None:
        self._mixture, self._rate, self._segment, self._estimate = mixture, rate, segment, estimate
        self._stems: dict[str, Float32Array] = {}

    def cases(self) -> list[Case]:
        """One for each way; each measures but the first time that it is run."""
        ways = {PLAN: studio(self._segment), HANN: article(self._segment)}
        return [
            Case(name, {"group": "joining", "hop": joining.hop}, self._once(name, joining))
            for name, joining in ways.items()
        ]

    def _once(self, name: str, joining: Joining) -> Callable[[], Mapping[str, float]]:
        left = [joining] * _TIMES
        return lambda: self._measure(name, left.pop()) if left else {}

    def _measure(self, name: str, joining: Joining) -> dict[str, float]:
        began = time.perf_counter()
        stem = join(self._mixture, joining, self._estimate)
        seconds = time.perf_counter() - began
        self._stems[name] = stem
        frames = self._mixture.shape[1]
        figures = {"per_second": seconds * self._rate / frames, "runs": joining.runs(frames)}
        if len(self._stems) > 1:
            figures["apart"] = parity(self._stems[PLAN], self._stems[HANN])["snr"]
        return figures
