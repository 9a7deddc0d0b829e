"""The plots of `stemd bench network`: every row is in one, and a report alone draws them."""

import msgspec
import pytest

from stemd_bench.network.names import APART, BAGS, CHANGED, EAGER, FAST
from stemd_bench.network.plots import plots
from stemd_bench.report import as_json
from stemd_bench.results import Report, Variant
from tests.bench.reports import network, report


def drawn(found: Report) -> dict[str, str]:
    """Each plot's SVG, in which matplotlib leaves every text as a comment beside its outlines."""
    return {plot.name: plot.svg for plot in plots(found)}


def without(found: Report, *quantities: str) -> Report:
    rows = [
        Variant(v.name, v.parameters, {q: m for q, m in v.measures.items() if q not in quantities})
        for v in found.variants
    ]
    return msgspec.structs.replace(found, variants=tuple(rows))


def test_every_row_is_in_a_plot() -> None:
    found, svg = network(), drawn(network())
    for variant in found.variants:
        name = variant.name.removeprefix("... ")
        if variant.name in CHANGED.values():
            assert f"<!-- {name} -->" in svg["network-choices"]
        elif "seconds" in variant.measures:
            assert f"<!-- {name.removeprefix('bag: ')} -->" in svg["network-speed"]
        if "peak" in variant.measures and variant.name not in CHANGED.values():
            assert f"<!-- {name} -->" in svg["network-memory"]
    assert svg["network-speed"].count("<!-- PyTorch eager -->") == 2, "once for one specialist, once for the bag"
    assert svg["network-speed"].count("sgemm floor -->") == 2
    assert f"<!-- {APART} -->" in svg["network-memory"]


def test_labels_are_the_figures() -> None:
    svg = drawn(network())
    assert "<!--  5.25 s, 0.4x -->" in svg["network-speed"]
    assert "<!--  4.4 -->" in svg["network-memory"], "in GB"
    assert "<!--  +38 % -->" in svg["network-choices"], "7.25 s instead of 5.25 s"


def test_a_report_that_was_read_back_draws_the_same_bytes() -> None:
    again = msgspec.json.decode(as_json(network()), type=Report)
    assert drawn(again) == drawn(network())


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        (["peak"], {"network-speed", "network-choices"}),
        (["eager"], {"network-choices", "network-memory"}),
        (["floor"], {"network-speed", "network-choices", "network-memory"}),
        (["seconds", "eager"], {"network-memory"}),
    ],
)
def test_no_plot_is_empty(missing: list[str], left: set[str]) -> None:
    assert drawn(without(network(), *missing)).keys() == left


def test_one_panel_is_enough() -> None:
    rows = [v for v in network().variants if v.name in (EAGER, FAST)]
    svg = drawn(report("network", *rows))["network-speed"]
    assert "<!-- One specialist -->" in svg
    assert "The bag" not in svg
    assert drawn(report("network")) == {}
    assert BAGS[FAST] not in svg
