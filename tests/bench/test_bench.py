"""The skeleton of `stemd bench`: what is counted, how it is written down, and that what is judged is what was found."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from stemd.cli import main
from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.store import find
from stemd_bench import suite as suites
from stemd_bench.command import measure
from stemd_bench.machine import Machine, this_machine
from stemd_bench.overhead import Overhead
from stemd_bench.overhead.copying import config, write_model
from stemd_bench.overhead.hearing import Asked, Listener
from stemd_bench.overhead.plan import NAME, PLAN, STEM
from stemd_bench.overhead.verdicts import conclude, holds
from stemd_bench.overhead.wire import Wire
from stemd_bench.report import as_json, show
from stemd_bench.results import Conclusion, Measure, Report, Skipped, Variant
from stemd_bench.schema import SCHEMA, text
from stemd_bench.suite import Case, Suite

MACHINE = Machine("Z80", 1, 0.1, "CP/M", "CPython 3", {"numpy": "2"}, "0", "1976-07-01T00:00:00+00:00", 0.0)


class Counting(Suite):
    """A suite whose cases give the numbers 1, 2, 3, ... in the order in which they run."""

    name = "counting"
    repeats = 3
    method: tuple[str, ...] = ("It counts.",)
    units: Mapping[str, str] = {"turn": "turns"}
    headings: Sequence[Mapping[str, str]] = ({"turn": "turn", "turn:high": "worst", "absent": "absent"},)

    def __init__(self) -> None:
        self.turns = 0

    @property
    def cases(self) -> Sequence[Case]:
        return [Case(name, {"letter": name}, self.count) for name in "ab"]

    def count(self) -> Mapping[str, float]:
        self.turns += 1
        return {"turn": self.turns}

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        return (Conclusion("two letters", f"{len(variants)}", met=True),)


def report() -> Report:
    suite = Counting()
    return Report(
        suite=suite.name,
        quick=True,
        repeats=suite.repeats,
        machine=MACHINE,
        method=suite.method,
        variants=suites.run(suite, lambda _: None),
        conclusions=(Conclusion("to count", "counted", met=False),),
    )


def test_cases_take_turns_back_and_forth() -> None:
    a, b = suites.run(Counting(), lambda _: None)
    assert a.measures["turn"].values == (1, 4, 5)
    assert b.measures["turn"].values == (2, 3, 6)


def test_a_measure_is_the_median_and_the_range() -> None:
    assert Measure.of([3, 1, 8], "ms") == Measure("ms", 3.0, 1.0, 8.0, (3.0, 1.0, 8.0))
    assert Measure.of([1, 2], "ms").median == 1.5


def test_a_report_is_read_back_as_it_was_written() -> None:
    written = as_json(report())
    assert msgspec.json.decode(written, type=Report) == report()
    for broken in ({**json.loads(written), "extra": 1}, {k: v for k, v in json.loads(written).items() if k != "suite"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(broken, Report)


def test_the_committed_schema_is_that_of_the_types() -> None:
    assert SCHEMA.read_text("utf-8") == text(), "run python -m stemd_bench.schema"


def test_the_screen_shows_medians_verdicts_and_the_machine() -> None:
    screen = io.StringIO()
    show(report(), Counting.headings, Console(file=screen, width=100))
    shown = screen.getvalue()
    assert shown.splitlines()[1].split() == ["a", "4", "5"]
    assert "to count: NOT MET (counted)" in shown
    assert "Z80" in shown
    assert "absent" not in shown, "a column that no case has"


def test_this_machine_is_described() -> None:
    machine = this_machine()
    assert machine.processor
    assert machine.cores >= 1
    assert machine.memory_gib > 0
    assert {"onnxruntime", "pyzmq", "numpy"} <= set(machine.packages)
    assert machine.date.endswith("+00:00")
    assert 0 <= machine.others <= 1


def test_the_copying_network_is_a_model_that_copies(tmp_path: Path) -> None:
    write_model(tmp_path)
    model = find(NAME, [tmp_path])
    model.check(model.manifest.live.window())
    (specialist,) = model.open(EngineOptions())
    assert specialist.stems == (STEM,)
    mixture = np.random.default_rng(0).standard_normal((2, PLAN.segment)).astype(np.float32)
    trusted = slice(PLAN.segment - PLAN.hop, PLAN.segment)
    copied = specialist.run(Segment(Span(0, 0, trusted), mixture, None))
    assert np.array_equal(copied, mixture[np.newaxis, :, trusted])
    assert f"{tmp_path}" in config(tmp_path, 9)


def variant(streams: float, rate: float = 44_100, **measures: float) -> Variant:
    found = {"opened": streams, "added_p99": 2.0, "degraded": 0, "dropped": 0, "changed": 0, "lost": 0} | measures
    parameters: dict[str, str | int | float] = {"timing": "realtime", "rate": rate, "streams": streams}
    return Variant(f"{streams}", parameters, {name: Measure.of([v], "") for name, v in found.items()})


@pytest.mark.parametrize("fault", [{"opened": 9}, {"added_p99": 10.5}, {"degraded": 1}, {"dropped": 1}, {"lost": 1}])
def test_streams_hold_only_where_nothing_is_wrong(fault: dict[str, float]) -> None:
    assert holds(variant(10))
    assert not holds(variant(10, **fault))


def test_aims_are_judged_by_what_holds() -> None:
    slow = variant(75, added_p99=7.0, degraded=1)
    latency, few, many = conclude([variant(1, 48_000), variant(50, added_p99=4.0), slow, variant(100)])
    assert latency.met
    assert "4.0 ms" in latency.found
    assert few.met
    assert few.found == "50 hold, 75 do not"
    assert many.met is None, "50 streams were not tried at that rate"
    assert [c.met for c in conclude([slow])] == [False, False]


def test_a_case_in_which_nothing_came_back_does_not_hold() -> None:
    nothing = {name: m for name, m in variant(10, lost=500).measures.items() if name != "added_p99"}
    assert not holds(Variant("10", variant(10).parameters, nothing))


def test_one_bad_repeat_is_enough_not_to_hold() -> None:
    good = variant(10)
    bad = {**good.measures, "degraded": Measure.of([0, 0, 1], "")}
    assert not holds(Variant(good.name, good.parameters, bad))
    late = {**good.measures, "added_p99": Measure.of([2, 2, 10.5], "")}
    assert not holds(Variant(good.name, good.parameters, late))


def test_a_block_is_on_time_only_if_it_is_whole() -> None:
    listener = Listener((), {1: Asked(object.__new__(Wire), 0)}, 1, 0, b"sent", 1.0)
    head = {"subscription": 1, "sequence": 0, "position": 0, "capture_ns": 0, "latency": 0, "rate": 1, "dropped": 0}
    for flags, pcm, now in (([], b"sent", 9), (["degraded"], b"dry", 9), ([], b"other", 9), ([], b"sent", 11)):
        listener._write_down({**head, "flags": flags}, pcm, now * 10**6)
    (found,) = listener.heard
    assert (found.blocks, found.on_time, found.degraded, found.changed) == (4, 1, 1, 1)


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    assert main(["bench", "overhead", "--json", str(tmp_path / "no" / "folder.json")]) == 78


def test_what_was_left_out_is_shown_with_its_reason_and_remarks_too() -> None:
    screen = io.StringIO()
    more = msgspec.structs.replace(report(), skipped=(Skipped("c", "no such letter"),), remarks=("All counted.",))
    show(more, Counting.headings, Console(file=screen, width=100))
    assert "c: left out (no such letter)" in screen.getvalue()
    assert "All counted." in screen.getvalue()


def test_each_table_has_the_rows_that_fill_it() -> None:
    screen = io.StringIO()
    spread = Variant("spread", {}, {"s": Measure.of([1, 2, 3, 4, 9], "s")})
    other = Variant("other", {}, {"x": Measure.of([0.0625], "s")})
    found = msgspec.structs.replace(report(), variants=(spread, other))
    show(found, ({"s": "s", "s:low": "low", "s:quartiles": "quartiles"}, {"x": "x"}), Console(file=screen, width=100))
    lines = [line.split() for line in screen.getvalue().splitlines()]
    assert ["spread", "3", "1", "2-4"] in lines
    assert ["other", "0.062"] in lines
    assert sum(line[:1] == ["spread"] for line in lines) == 1


def test_a_run_describes_suite_machine_and_conclusions() -> None:
    found = measure(Counting(), Console(file=io.StringIO()), quick=True)
    assert found.suite == "counting"
    assert found.conclusions[0].found == "2"
    assert {v.parameters["letter"] for v in found.variants} == {"a", "b"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_overhead_is_measured_with_real_daemons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "overhead", "--quick", "--json"]) == 0
    said = capsys.readouterr()
    found = msgspec.json.decode(said.out, type=Report)
    assert {v.name for v in found.variants} == {case.name for case in Overhead(quick=True).cases}
    free, one = found.variants[0].measures, found.variants[1].measures
    assert 0 < free["ping_p50"].median < free["trip_p50"].median
    assert one["opened"].median == 1
    assert one["lost"].median == 0
    assert one["cpu_per_stream"].median > 0
    assert set().union(*(v.measures for v in found.variants)) == set(Overhead.units)
    assert "streams in real time" in said.err


class Refusing(Counting):
    """Its second case is left out in the first repeat, and the one before in all."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = [Skipped("b", "no room"), Skipped("c", "no room")]


def test_what_was_left_out_only_now_and_then_says_so() -> None:
    found = measure(Refusing(), Console(file=io.StringIO()), quick=True)
    assert found.skipped == (Skipped("b", "in some repeats: no room"), Skipped("c", "no room"))
