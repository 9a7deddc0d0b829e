"""What `stemd bench latency` says and draws of its figures."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stemd_bench.latency import bars
from stemd_bench.latency.blocks import STAGES
from stemd_bench.latency.cases import COPY, SPLEETER, Setting, settings
from stemd_bench.latency.figures import figures
from stemd_bench.latency.ladder import REFUSED
from stemd_bench.latency.lines import way_up
from stemd_bench.latency.measuring import Heard
from stemd_bench.latency.options import Options
from stemd_bench.latency.plots import plots
from stemd_bench.latency.suite import Latency
from stemd_bench.latency.texts import MEANS, SLOWEST
from stemd_bench.latency.verdicts import conclude, slowest
from stemd_bench.report import as_json, cell, number
from stemd_bench.results import Measure, Report, Variant
from stemd_bench.suite import Case
from stemd_bench.suite import run as run_suite
from tests.bench.latency_blocks import blocks, degrade, heard

MACHINE = {
    "processor": "p", "cores": 2, "memory_gib": 4.0, "system": "s", "python": "3.11", "packages": {},
    "stemd": "0", "date": "2026-01-01T00:00:00+00:00", "others": 0.0,
}  # fmt: skip
CLEAN = {"declared": 200.0, "load_clean": 90.0}


def step(asked: int, load: float, degraded: Sequence[float]) -> Variant:
    values = {"step_load": [load], "step_least": [50.0, 40.0], "step_degraded": degraded}
    measures = {quantity: Measure.of(taken, "") for quantity, taken in values.items()}
    return Variant(f"{asked}", {"group": "step", "promised": 60, "asked": asked}, measures)


def test_the_drawn_climb_ends_at_the_first_degraded_block_of_any_repeat() -> None:
    assert way_up([step(40, 42, [0, 0]), step(20, 21, [0, 0])]) == ([(21, 40), (42, 40)], False)
    rising = [step(20, 21, [0, 0]), step(60, 58, [1, 0]), step(80, 80, [0])]
    assert way_up(rising) == ([(21, 40), (58, 0)], True)
    assert way_up(rising[1:]) == ([(58, 0)], True)


class Played(Latency):
    """The suite with cases that were not played."""

    def __init__(self, late_ms: float = 1.0, degraded: int = 0, degrading: float = 105.0) -> None:
        super().__init__(Options(quick=True, plans=("auto", "studio"), streams=(2,)))
        self._late_ms, self._broken, self._degrading = late_ms, degraded, degrading

    @property
    def cases(self) -> list[Case]:
        made = heard(degrade(blocks(late_ms=self._late_ms), slice(0, self._broken)))
        known = settings(self.options.plans, (2,), [SPLEETER, COPY])
        found = [Case(setting.name, setting.parameters(), lambda: figures(made)) for setting in known]
        climb = {"group": "load", "promised": 60, "refused": 100 * REFUSED}
        return [*found, Case("rising", climb, lambda: {**CLEAN, "load_degrading": self._degrading})]


def report_of(suite: Latency) -> Report:
    variants = suite.derive(run_suite(suite, lambda _: None))
    values = {"step_load": 50.0, "step_least": 20.0, "step_spare": 30.0, "step_degraded": 0.0}
    measures = {name: {"unit": "", "median": v, "low": v, "high": v, "values": [v]} for name, v in values.items()}
    step = {"name": "step", "parameters": {"group": "step", "promised": 60, "asked": 50}, "measures": measures}
    variants = (*variants, msgspec.convert(step, Variant))
    words = {"suite": "latency", "quick": True, "repeats": 1, "machine": MACHINE, "method": suite.method}
    empty = msgspec.convert({**words, "variants": (), "conclusions": ()}, Report)
    return msgspec.structs.replace(empty, variants=variants, conclusions=suite.conclude(variants))


def variant_of(group: str, promised: int, **measures: float) -> Variant:
    values = {quantity: Measure.of([value], "") for quantity, value in measures.items()}
    return Variant(group, {"group": group, "promised": promised}, values)


def met(suite: Latency) -> list[bool | None]:
    return [one.met for one in conclude(report_of(suite).variants)]


def test_each_aim_is_judged_by_every_case() -> None:
    assert met(Played())[:3] == [True, True, True]
    assert met(Played(late_ms=10.5))[0] is False
    assert met(Played(degraded=1))[1] is False
    assert met(Played(degrading=59.0))[2] is False
    at_once = variant_of("load", 60, declared=100.0, load_degrading=20.0)
    assert conclude([at_once])[2].met is False, "it degrades in the first step, so no step is clean"
    late = {"declared": Measure.of([90.0, 90.0], "ms"), "load_degrading": Measure.of([95.0, 59.0], "%")}
    assert conclude([Variant("load", {"group": "load", "promised": 60}, late)])[2].met is False, "in one repeat"
    base, theirs = variant_of("base", 0, declared=300.0), variant_of("rule", 0, declared=200.0)
    assert conclude([base, theirs])[3].met is False
    assert [one.met for one in conclude(())] == [None] * 4
    assert "more than the mean" in slowest(report_of(Played()).variants)
    assert slowest(()) == ""


def test_what_is_shown_of_several_repeats_adds_up_too() -> None:
    """Medians would not: each stage's may be that of another run."""
    runs = [figures(heard(blocks(300, seed))) for seed in range(3)]
    base = next(settings(("auto",), (), [SPLEETER]))
    values = {name: [float(run[name]) for run in runs] for name, taken in runs[0].items() if np.ndim(taken) == 0}
    variant = Variant(base.name, base.parameters(), {name: Measure.of(taken, "ms") for name, taken in values.items()})
    whole = np.mean(values["latency_mean"])
    assert sum(float(np.median(values[f"{name}_mean"])) for name in STAGES) != pytest.approx(whole, abs=0.01)
    assert sum(variant.measures[f"{name}_mean"].mean() for name in STAGES) == pytest.approx(whole)
    for name in STAGES:
        assert cell(variant, [*MEANS][1 + [*STAGES].index(name)]) == number(float(np.mean(values[f"{name}_mean"])))
        assert cell(variant, [*SLOWEST][[*STAGES].index(name)]) == number(float(np.mean(values[f"{name}_slowest"])))
    report = msgspec.structs.replace(report_of(Played()), variants=(variant,))
    assert f"{whole:.0f} ms on average" in bars.waterfall(report).caption
    more = sum(np.mean(values[f"{name}_slowest"]) for name in STAGES) - whole
    assert f"took {more:.1f} ms more" in slowest([variant])


def test_after_streams_that_were_refused_no_more_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def refuse(setting: Setting, *_: object) -> Heard:
        tried.append(setting.streams)
        return heard(blocks(0), refusal="too many", opened=1, hops=[])

    monkeypatch.setattr("stemd_bench.latency.suite.measure", refuse)
    asked = Latency(Options(quick=True))
    for case in asked._streams(Path(), Path(), [SPLEETER]):
        if case.parameters["group"] == "streams":
            assert case.run() == {}
    assert tried == [2]
    assert [one.reason for one in asked.skipped] == ["1 were admitted, then: too many", *["2 were refused already"] * 2]


def test_every_picture_can_be_drawn_again_from_the_json_and_every_case_is_in_it() -> None:
    report = report_of(Played())
    drawn = {plot.name: plot for plot in plots(report)}
    again = msgspec.json.decode(as_json(report), type=Report)
    assert {plot.name: plot for plot in plots(again)} == drawn
    assert len(drawn) == 6
    for variant in report.variants:
        if "latency" in variant.distributions:
            assert f"<!-- {variant.name} -->" in drawn["latency-stages"].svg, variant.name
            assert f"<!-- {variant.name} -->" in drawn["latency-late"].svg, variant.name
    for name in ("buffering", "STFT", "overlap-add", "socket"):
        assert f"<!-- {name} -->" in drawn["latency-waterfall"].svg


def test_what_has_no_figures_is_not_drawn() -> None:
    report = report_of(Played())
    for groups, count in (((), 0), (("rule",), 0), (("base",), 4), (("plan",), 2)):
        kept = tuple(v for v in report.variants if v.parameters["group"] in groups)
        assert len(plots(msgspec.structs.replace(report, variants=kept))) == count, groups
