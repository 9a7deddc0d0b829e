"""When networks run: noted from outside, so that neither they nor the specialists that they are in know of it."""

import time

from stemd.audio import Float32Array
from stemd.separation.engines.engine import Network, Value


class Stopwatch:
    """From when to when the networks of one thread ran, since it was reset last: from the first begin to the last end.

    What lies between two runs of one specialist's network counts as the network's.
    """

    def __init__(self) -> None:
        self._reset = time.monotonic_ns()
        self._began: int | None = None
        self._ended = self._reset

    def on(self, network: Network) -> Network:
        """The network, with this on it."""
        return _Timed(network, self)

    def reset(self) -> None:
        """Forget what was."""
        self._reset, self._began = time.monotonic_ns(), None

    def begin(self) -> None:
        """A network begins."""
        if self._began is None:
            self._began = time.monotonic_ns()

    def end(self) -> None:
        """It has ended."""
        self._ended = time.monotonic_ns()

    def read(self) -> tuple[int, int]:
        """Begin and end, in ns of CLOCK_MONOTONIC; where this was on no network that ran, all since the reset."""
        return (self._reset, time.monotonic_ns()) if self._began is None else (self._began, self._ended)


class _Timed:
    """See Network."""

    def __init__(self, network: Network, stopwatch: Stopwatch) -> None:
        self.engine, self.placement = network.engine, network.placement
        self.inputs, self.outputs = network.inputs, network.outputs
        self._network, self._stopwatch = network, stopwatch

    def run(self, *values: Value) -> list[Float32Array]:
        """See Network."""
        self._stopwatch.begin()
        try:
            return self._network.run(*values)
        finally:
            self._stopwatch.end()

    def terminate(self) -> None:
        """See Network."""
        self._network.terminate()
