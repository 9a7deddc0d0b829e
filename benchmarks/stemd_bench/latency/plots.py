"""The pictures of `stemd bench latency`, each drawn from the report alone."""

from collections.abc import Iterator, Sequence

from stemd_bench.latency import bars, lines
from stemd_bench.plots import Plot, styled
from stemd_bench.results import Report


@styled()
def plots(report: Report) -> Sequence[Plot]:
    """All for which the report has figures."""
    return list(_drawn(report))


def _drawn(report: Report) -> Iterator[Plot]:
    groups = {str(v.parameters["group"]) for v in report.variants if v.measures}
    played = {str(v.parameters["group"]) for v in report.variants if "latency" in v.distributions}
    if "base" in played:
        yield bars.waterfall(report)
    if played:
        yield bars.stages(report)
    if played & set(lines.TRANSPORTS):
        yield lines.histograms(report)
    if played:
        yield bars.late(report)
    if counts := lines.by_streams(report):
        yield lines.streams(counts)
    if "step" in groups:
        yield lines.loads(report)
