"""`stemd bench network`: what is compared and judged, and one quick run of it all."""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from stemd.cli import main
from stemd.errors import ConfigError
from stemd_bench.network import timing
from stemd_bench.network.floor import floors
from stemd_bench.network.joined import HANN, PLAN
from stemd_bench.network.names import APART, BAGS, COMPILED, EAGER, FAST, PEER
from stemd_bench.network.options import from_arguments
from stemd_bench.network.ratios import derive, floor
from stemd_bench.network.timing import PAUSE, timed
from stemd_bench.network.verdicts import AIMS, conclude, remarks
from stemd_bench.results import Measure, Report, Variant


def test_a_floor_is_a_rate() -> None:
    found = floors(64, 1)
    assert {"PyTorch", "onnxruntime"} <= set(found)
    assert all(0 < measure() < 1e5 for measure in found.values())


def test_timing_counts_the_call_alone() -> None:
    began = time.perf_counter()
    figures = timed(lambda: time.sleep(0.2))
    assert 0.2 <= figures["seconds"] <= time.perf_counter() - began - PAUSE
    assert 0 <= figures["cpu"] < figures["seconds"], "sleep is no work"
    assert figures["others"] >= 0


def test_own_work_is_not_that_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_busy", time.process_time)  # a machine on which nobody else works

    def work() -> None:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass

    figures = timed(work)
    assert figures["cpu"] >= 0.05
    assert 100 * figures["cpu"] / figures["seconds"] > 2 * figures["others"]


def row(name: str, specialists: int = 1, group: str = "network", **measures: Sequence[float]) -> Variant:
    found = {quantity: Measure.of(values, "") for quantity, values in measures.items()}
    return Variant(name, {"group": group, "specialists": specialists}, found)


def rows() -> list[Variant]:
    return [
        row(EAGER, seconds=[3, 6, 3]),
        row(PEER, seconds=[4, 8, 4]),
        row(FAST, seconds=[2, 2, 2], gflop=[100], peak=[1_200]),
        row(BAGS[EAGER], 4, seconds=[12, 12, 12]),
        row(BAGS[FAST], 4, seconds=[8, 8, 16], peak=[2_300]),
        row(APART, 4, peak=[4_400]),
        row("sgemm", group="floor", rate=[90, 100, 80]),
        row("slower", group="floor", rate=[70, 95, 60]),
    ]


class TestVerdicts:
    def test_ratios_are_taken_within_each_repeat(self) -> None:
        named = {v.name: v.measures for v in derive(rows())}
        assert named[FAST]["eager"].values == (1.5, 3, 1.5)
        assert named[FAST]["peer"].values == (2, 4, 2)
        assert named[BAGS[FAST]]["eager"].values == (1.5, 1.5, 0.75)
        assert named[BAGS[FAST]]["one"].values == (4, 4, 8)
        assert "peer" not in named[BAGS[FAST]]
        assert named[APART].keys() == {"peak"}
        assert named["sgemm"].keys() == {"rate"}
        ways = {quantity: measure.better for quantity, measure in named[FAST].items()}
        assert ways["eager"] == ways["peer"] == "higher"
        assert ways["floor"] == "lower"
        assert named[BAGS[FAST]]["one"].better is None

    def test_compiled_pytorch_is_held_against_as_well(self) -> None:
        named = {v.name: v.measures for v in derive([*rows(), row(COMPILED, seconds=[1, 4, 3])])}
        assert named[FAST]["compiled"].values == (0.5, 2, 1.5)
        assert named[FAST]["compiled"].better == "higher"
        assert "compiled" not in named[BAGS[FAST]]

    @pytest.mark.parametrize("name", [PEER, FAST, BAGS[EAGER]])
    def test_who_failed_after_being_weighed_gives_no_ratio_and_spoils_none(self, name: str) -> None:
        whole = [v for v in rows() if v.name != name]
        found = derive([*whole, row(name, nodes=[100])])
        assert found[-1].measures.keys() == {"nodes"}
        assert found[:-1] == derive(whole)

    def test_the_floor_is_the_work_at_the_best_rate(self) -> None:
        least = floor(rows())
        assert least is not None
        assert least.seconds == 1
        named = {v.name: v.measures for v in derive(rows())}
        assert named[FAST]["floor"].values == (2, 2, 2)
        assert named[BAGS[FAST]]["floor"].values == (2, 2, 4)
        assert floor(rows()[:-2]) is None

    def test_aims_are_judged_by_the_medians(self) -> None:
        judged = {aim.text: said for aim, said in zip(AIMS, conclude(derive(rows()), counts=True), strict=True)}
        found = {said.found: said.met for said in judged.values()}
        assert found["1.50x"] is True
        assert found["2.00x"] is False, "above the floor by too much"
        assert found["1.20 GB"] is True
        assert found["2.30 GB"] is False
        assert judged[AIMS[2].text].met is None, "OpenVINO was not there"
        assert "left out" in judged[AIMS[2].text].found

    def test_a_narrow_network_judges_nothing(self) -> None:
        said = conclude(derive(rows()), counts=False)
        assert {conclusion.met for conclusion in said} == {None}
        assert "1.50x with the narrow network" in said[0].found

    def test_remarks_compare_bag_memory_and_joining(self) -> None:
        joined = [
            row(PLAN, group="joining", per_second=[0.4], runs=[6]),
            row(HANN, group="joining", per_second=[1.2], runs=[16], apart=[20]),
        ]
        bags, memory, joining = remarks(derive([*rows(), *joined]))
        assert "4.00x (PyTorch eager), 4.00x (onnxruntime)" in bags
        assert "2.30 GB with shared working memory, 4.40 GB without" in memory
        assert "3.00 times as much" in joining
        assert remarks([]) == ()


@pytest.mark.parametrize("wrong", [{"repeats": 0}, {"threads": 0}, {"threads": -1}, {"peer": "/no/such/file.onnx"}])
def test_what_makes_no_sense_is_refused_at_once(wrong: dict[str, int | str]) -> None:
    given = {"quick": True, "repeats": None, "threads": None, "peer": None, "storage": "float32", "compile_within": 1.0}
    assert from_arguments(argparse.Namespace(**given)).repeats == 2
    with pytest.raises(ConfigError, match=f"--{next(iter(wrong))}"):
        from_arguments(argparse.Namespace(**{**given, **wrong}))


def test_threads_are_the_cores_where_the_system_does_not_say_which_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    given = {"quick": True, "repeats": 1, "threads": None, "peer": None, "storage": "float32", "compile_within": 1.0}
    assert from_arguments(argparse.Namespace(**given)).threads == os.cpu_count()


@pytest.mark.slow
def test_a_quick_run_measures_everybody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "network.json"
    assert main(["bench", "network", "--quick", "--repeats", "1", "--json", str(target)]) == 0
    report = msgspec.json.decode(target.read_bytes(), type=Report)
    named = {v.name: v.measures for v in report.variants}
    assert {EAGER, FAST, "sgemm in onnxruntime", PLAN, HANN, APART, *list(BAGS.values())[:2]} <= set(named)
    assert {s.name for s in report.skipped} >= {COMPILED}
    assert all(s.reason for s in report.skipped)
    for name, measures in named.items():
        assert name == EAGER or "snr" not in measures or measures["snr"].median > 50, name
    assert named[FAST]["snr"].median > 90
    assert named[FAST]["nodes"].median > 1_000
    assert named[FAST]["gflop"].median > 0.1
    assert named[APART]["peak"].median > named[BAGS[FAST]]["peak"].median > named[FAST]["peak"].median
    assert named[HANN]["runs"].median > 2.5 * named[PLAN]["runs"].median
    assert {c.met for c in report.conclusions} == {None}
    assert {q for m in named.values() for q in m} >= {"eager", "floor", "one", "load", "largest"}
    assert json.loads(target.read_text())["quick"] is True
    assert "left out" in capsys.readouterr().out
