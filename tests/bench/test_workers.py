"""`stemd bench workers`: both kinds are measured, and what is said is what was found."""

import pytest

from stemd_bench.results import Measure, Variant
from stemd_bench.workers import KINDS, PLANS, Workers, _run

MEMORY = ("pss", "pss_workers")


def test_both_kinds_are_measured_with_both_plans_alone_and_in_turn() -> None:
    suite = Workers(quick=True)
    found = {(case.parameters["plan"], case.parameters["workers"]) for case in suite.cases}
    assert found == {(plan, kind) for plan in PLANS for kind in (*KINDS, "both")}


@pytest.mark.parametrize(("added", "met"), [(1.5, True), (2.5, False)])
def test_what_is_said_is_what_was_found(added: float, met: bool) -> None:
    def variant(kind: str, **measures: float) -> Variant:
        values = {name: Measure.of([value], "") for name, value in measures.items()}
        return Variant(kind, {"plan": "live", "workers": kind}, values)

    variants = [
        variant("threads", pss=700, pss_workers=0),
        variant("processes", pss=100, pss_workers=1_000),
        variant("both", added_p50=added, added_p99=9.0),
    ]
    [conclusion] = Workers(quick=True).conclude(variants)
    assert conclusion.met is met
    assert conclusion.found == f"{added:.2f} ms; memory 1100 MiB instead of 700"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "both"])
def test_a_case_gives_all_that_the_table_shows_of_it(kind: str) -> None:
    figures = _run({"kind": kind, "plan": "live", "lane": "realtime", "segments": 2})
    assert figures.keys() <= Workers.units.keys()
    if kind == "both":
        assert figures.keys() == {"added_p50", "added_p99"}
        return
    assert all(figures[name] > 0 for name in ("trip_p50", "trip_p99", "pss", "rss"))
    assert (figures["pss_workers"] > 0) is (kind == "processes")
    assert ("taken_over" in figures) is (kind == "processes")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_free_stream_beside_a_busy_machine_is_measured(kind: str) -> None:
    figures = _run({"kind": kind, "plan": "studio", "lane": "free", "segments": 2})
    assert 0 < figures["held_p99"] <= figures["held_max"]
