"""Peers that were measured in the same run, and one whose declared latency follows from its rule."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from stemd_bench.latency import rule
from stemd_bench.latency.cases import COPY
from stemd_bench.network.names import BAGS, COMPILED, EAGER, FAST, OPENVINO, PEER
from stemd_bench.pages.tables import Table, excerpt, texts
from stemd_bench.results import Report, Variant

_SINGLE: Final = (EAGER, COMPILED, PEER, FAST, OPENVINO)
_DECLARING: Final = {"latency": ("base", "plan", "network"), "live": ("stream",)}
_HEADINGS: Final[Mapping[str, str]] = {
    "seconds": "a segment",
    "eager": "times as fast as PyTorch eager",
    "snr": "difference to it below the stem",
    "nodes": "nodes",
    "megabytes": "file",
    "load": "loaded in",
    "peak": "peak memory",
}


def networks(reports: Sequence[Report]) -> Table | None:
    """The same network in PyTorch, in the peer's export and in stemd's, in one run; and who could not be had."""
    report = next((report for report in reports if report.suite == "network"), None)
    if report is None:
        return None
    named = {variant.name: variant for variant in report.variants}
    rows = [named[name] for name in (*_SINGLE, *BAGS.values()) if name in named]
    if not rows:
        return None
    table = excerpt(rows, _HEADINGS, "One segment of HT-Demucs, measured in one run, in turn.")
    absent = tuple(f"{s.name}: left out ({s.reason})" for s in report.skipped if s.name in _SINGLE)
    return replace(table, notes=absent)


def latencies(reports: Sequence[Report]) -> Table:
    """What stemd declared in this run, and what GStreamer's element would."""
    found = [
        (variant, report.suite)
        for report in reports
        for variant in report.variants
        if variant.parameters.get("group") in _DECLARING.get(report.suite, ())
        # What copies separates nothing, and is nobody's peer.
        and variant.parameters.get("network") != COPY
        and "declared" in variant.measures
    ]
    own = tuple(
        texts(f"stemd, {suite}: {variant.name}", _seconds(variant), "declared by the daemon in this run")
        for variant, suite in found
    )
    computed = tuple(
        texts(
            f"GStreamer's demucs, overlap {overlap:.0%}",
            f"{rule.declared(overlap):.2f} s",
            "computed by the element's rule, not run",
        )
        for overlap in rule.OVERLAPS
    )
    return Table("Latency as it is declared.", ("", "declared", "how it is known"), own + computed, numbers=False)


def _seconds(variant: Variant) -> str:
    return f"{variant.measures['declared'].median / 1e3:.2f} s"
