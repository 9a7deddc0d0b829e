"""Simulated device clocks, for what follows clocks: time passes only as it is computed."""

from collections.abc import Container

import numpy as np

EPOCH_NS = 86_400_000_000_000  # no clock starts at 0


class FakeClock:
    """A device that is not there: its frames are `ppm` longer than nominal, its callbacks late, sometimes in bursts.

    Lateness is exponential; about every 20 s, for 0.1 to 1 s, 1 to 6 ms are added.

    Args:
        rate: nominal frames per second.
        ppm: by which a frame lasts longer.
        seed: of the lateness.
        lateness: its mean in seconds; with 0 every callback is on time.
        step: (seconds, ppm) that are added to `ppm` from then on.
        held_up: the callbacks, by their number, that come 20 ms late on top.
    """

    def __init__(
        self,
        rate: int,
        ppm: float = 0.0,
        *,
        seed: int = 0,
        lateness: float = 0.0003,
        step: tuple[float, float] = (0.0, 0.0),
        held_up: Container[int] = (),
    ) -> None:
        self.rate, self.ppm, self.lateness, self.step, self.held_up = rate, ppm, lateness, step, held_up
        self._rng = np.random.default_rng(seed)
        self._calls = 0
        self._burst = (0.0, 0.0)

    def time(self, frame: float) -> float:
        """When the counter truly stands at `frame`, in seconds."""
        nominal = frame / self.rate
        since, more = self.step
        return nominal * (1 + 1e-6 * self.ppm) + 1e-6 * more * max(0.0, nominal - since)

    def callback(self, frame: int) -> int:
        """When the callback comes that should come at `frame`, in nanoseconds."""
        late = self._lateness(self.time(frame)) if self.lateness else 0.0
        if self._calls in self.held_up:
            late += 0.02
        self._calls += 1
        return EPOCH_NS + round(1e9 * (self.time(frame) + late))

    def _lateness(self, now: float) -> float:
        if now > self._burst[1]:
            start = now + self._rng.exponential(20)
            self._burst = (start, start + self._rng.uniform(0.1, 1.0))
        late = self._rng.exponential(self.lateness)
        return late + (self._rng.uniform(0.001, 0.006) if now > self._burst[0] else 0.0)
