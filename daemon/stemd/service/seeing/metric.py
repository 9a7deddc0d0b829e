"""What a metric is: a name, words about it, and how its values are read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from stemd.service.distribution import Distribution
from stemd.service.seeing.view import View

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Row: TypeAlias = tuple[tuple[str, ...], float | Distribution]


@dataclass(frozen=True, slots=True)
class Metric:
    """One family of metrics.

    Attributes:
        name: as Prometheus has it: base units, counters end in `_total`.
        kind: of metric.
        words: what it says, one line.
        rows: label values and a value each, read on the event loop: counts and copies, nothing that takes time.
        labels: their names.
    """

    name: str
    kind: Kind
    words: str
    rows: Callable[[View], Iterable[Row]]
    labels: tuple[str, ...] = ()

    def family(self, rows: Iterable[Row]) -> Family:
        """What was read, as prometheus_client writes it; may be called in any thread."""
        if self.kind == "histogram":
            histogram = HistogramMetricFamily(self.name, self.words, labels=self.labels)
            for labels, value in rows:
                assert isinstance(value, Distribution)  # noqa: S101 - what `rows` gives for a histogram
                histogram.add_metric(labels, _buckets(value), value.total)
            return histogram
        make = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = make(self.name, self.words, labels=self.labels)
        for labels, value in rows:
            assert not isinstance(value, Distribution)  # noqa: S101
            family.add_metric(labels, value)
        return family


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    """Upper bounds and counts, added up as Prometheus wants them."""
    names = (*map(str, distribution.bounds), "+Inf")
    return list(zip(names, map(float, accumulate(distribution.counts)), strict=True))


def one(value: float | Distribution) -> list[Row]:
    """The rows of a metric without labels."""
    return [((), value)]
