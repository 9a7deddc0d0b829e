"""The text that Prometheus reads: looked up on the event loop, written beside it."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from stemd.service.seeing.catalogue import METRICS
from stemd.service.seeing.metric import Metric, Row
from stemd.service.seeing.view import View

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4


class Readings(Collector):
    """What was read last, for the registry that it is registered with.

    Args:
        metrics: what there is to read.
    """

    def __init__(self, metrics: Sequence[Metric] = METRICS) -> None:
        self._metrics = metrics
        self._rows: list[list[Row]] = [[] for _ in metrics]

    def read(self, view: View) -> None:
        """Read every value; on the event loop."""
        self._rows = [list(metric.rows(view)) for metric in self._metrics]

    def describe(self) -> Iterable[Family]:
        """The families, without values."""
        return [metric.family(()) for metric in self._metrics]

    def collect(self) -> Iterable[Family]:
        """The families as they were read."""
        for metric, rows in zip(self._metrics, self._rows, strict=True):
            yield metric.family(rows)


class Exposition:
    """Gives the text to whoever asks; those who ask at once get the same.

    Args:
        view: of the daemon.

    Attributes:
        registry: of this daemon alone.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._readings = Readings()
        self.registry = CollectorRegistry()
        self.registry.register(self._readings)
        ProcessCollector(registry=self.registry)
        self._rendering: asyncio.Task[bytes] | None = None

    async def text(self) -> bytes:
        """All metrics, in Prometheus' text format 0.0.4."""
        if self._rendering is None or self._rendering.done():
            self._rendering = asyncio.get_running_loop().create_task(self._render(), name="stemd-metrics")
        return await asyncio.shield(self._rendering)

    async def _render(self) -> bytes:
        self._readings.read(self._view)
        # Thousands of lines of many streams take tens of milliseconds, for which no block should wait.
        return await asyncio.to_thread(generate_latest, self.registry)
