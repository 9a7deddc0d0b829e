"""`stemd bench network`: what is counted, compared, joined and judged, and one quick run of it all."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from stemd.audio import Float32Array
from stemd.cli import main
from stemd.dsp.overlap import OverlapAdd
from stemd.dsp.plan import WindowPlan
from stemd.errors import StemdError
from stemd_bench.network import alone, peer
from stemd_bench.network.aggregation import Joining, article, join, studio
from stemd_bench.network.contenders import check, contender
from stemd_bench.network.facts import EXACT, of_files, parity
from stemd_bench.network.floor import floors
from stemd_bench.network.flop import flop
from stemd_bench.network.joined import HANN, PLAN, Joined
from stemd_bench.network.lineup import APART, BAGS, COMPILED, EAGER, FAST, OPENVINO, PEER, Entry, lineup
from stemd_bench.network.material import ONE, SPECIALISTS, Material
from stemd_bench.network.options import Options
from stemd_bench.network.ratios import derive, floor
from stemd_bench.network.ready import load, weigh
from stemd_bench.network.recipe import Recipe
from stemd_bench.network.timing import timed
from stemd_bench.network.verdicts import AIMS, conclude, remarks
from stemd_bench.results import Measure, Report, Variant
from stemd_export.htdemucs import weights
from stemd_export.htdemucs.build import hybrid_graph
from stemd_export.htdemucs.seeded import NARROW, seeded_model

SEGMENT = 64


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, tuple[int, ...]],
    outputs: Sequence[str],
    constants: dict[str, np.ndarray] | None = None,
    opset: int = 23,
) -> onnx.ModelProto:
    made = helper.make_graph(
        list(nodes),
        "made",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def copying(path: Path, rows: int = 1) -> str:
    """A graph that gives the mixture as each of its stems."""
    node = helper.make_node("Concat", ["unsqueezed"] * rows, ["stems"], axis=1)
    first = helper.make_node("Unsqueeze", ["mix", "axis"], ["unsqueezed"])
    model = graph([first, node], {"mix": (1, 2, SEGMENT)}, ["stems"], {"axis": np.array([1])}, opset=17)
    model.ir_version = 8
    onnx.save(model, path)
    return str(path)


def recipe(*files: str, rows: Sequence[int] = (0,), outputs: int = 1) -> Recipe:
    return Recipe(
        kind="waveform", files=files, rows=tuple(rows), outputs=outputs, frames=SEGMENT, threads=1, engine="onnxruntime"
    )


def noise(frames: int, seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).standard_normal((2, frames), np.float32)


class TestWork:
    def test_products_are_counted_as_by_hand(self) -> None:
        nodes = [
            helper.make_node("Conv", ["x", "k"], ["y"], group=2, strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("ConvTranspose", ["y", "t"], ["z"]),
            helper.make_node("Sigmoid", ["z"], ["s"]),
            helper.make_node("Gemm", ["a", "b"], ["c"], transA=1),
            helper.make_node("MatMul", ["m", "n"], ["p"]),
        ]
        inputs = {"x": (1, 4, 10, 10), "a": (6, 5), "m": (2, 5, 6)}
        constants = {"k": zeros(8, 2, 3, 3), "t": zeros(8, 3, 4, 4), "b": zeros(6, 7), "n": zeros(6, 3)}
        by_hand = 2 * (8 * 5 * 5 * 2 * 9 + 8 * 5 * 5 * 3 * 16 + 5 * 7 * 6 + 2 * 5 * 3 * 6)
        assert flop(graph(nodes, inputs, ["s", "c", "p"], constants)) == by_hand

    @pytest.mark.parametrize("heads_apart", [False, True])
    def test_attention_is_two_products(self, heads_apart: bool) -> None:
        shapes = [(1, 2, 10, 4), (1, 2, 7, 4), (1, 2, 7, 3)] if heads_apart else [(1, 10, 8), (1, 7, 8), (1, 7, 6)]
        heads = {} if heads_apart else {"q_num_heads": 2, "kv_num_heads": 2}
        node = helper.make_node("Attention", ["q", "k", "v"], ["y"], **heads)
        assert flop(graph([node], dict(zip("qkv", shapes, strict=True)), ["y"])) == 2 * 10 * 7 * (8 + 6)

    def test_large_constants_count_by_their_shape(self) -> None:
        nodes = [
            helper.make_node("Reshape", ["x", "shape"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["y"]),
        ]
        constants = {"shape": np.array([1, -1]), "w": zeros(4_096, 5)}
        assert flop(graph(nodes, {"x": (64, 64)}, ["y"], constants)) == 2 * 4_096 * 5

    def test_a_shape_that_is_not_known_is_refused(self) -> None:
        node = helper.make_node("MatMul", ["x", "y"], ["z"], name="product")
        model = graph([node], {"x": (3, 4)}, ["z"])
        model.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2]))
        with pytest.raises(ValueError, match=r"product.*'y' is not known"):
            flop(model)

    def test_the_networks_work_is_that_of_its_products(self) -> None:
        net = weights.read(seeded_model(NARROW, 0), 35_280)
        fused, plain, all_ = (
            flop(onnx.load_from_string(hybrid_graph(net, wanted, attention=attention)))
            for wanted, attention in (([ONE], "fused"), ([ONE], "plain"), (range(SPECIALISTS), "fused"))
        )
        assert fused == plain, "fusing attention saves no product"
        assert fused < all_ < 1.5 * fused

    def test_files_are_weighed_together(self, tmp_path: Path) -> None:
        file = copying(tmp_path / "a.onnx")
        one, two = of_files(recipe(file)), of_files(recipe(file, file, rows=(0, 0)))
        assert one["nodes"] == 2
        assert two == {name: 2 * value for name, value in one.items()}
        assert one["megabytes"] == (tmp_path / "a.onnx").stat().st_size / 1e6


class TestJoining:
    @pytest.mark.parametrize("way", [article, studio])
    @pytest.mark.parametrize("length", [1, 16, 63, 64, 65, 200])
    def test_it_is_the_weighted_mean_of_all_estimates(self, way: Callable[[int], Joining], length: int) -> None:
        joining, mixture = way(SEGMENT), noise(length)

        def estimate(segment: Float32Array) -> Float32Array:
            return segment * np.linspace(0.5, 2, SEGMENT, dtype=np.float32) + segment.sum()

        due = np.zeros((2, length))
        for n in range(length):
            total = 0.0
            for start in range(0, length, joining.hop):
                if start <= n < start + SEGMENT:
                    segment = np.zeros((2, SEGMENT), np.float32)
                    there = mixture[:, start : start + SEGMENT]
                    segment[:, : there.shape[1]] = there
                    due[:, n] += joining.weight[n - start] * estimate(segment)[:, n - start].astype(float)
                    total += float(joining.weight[n - start])
            due[:, n] /= total
        assert np.allclose(join(mixture, joining, estimate), due, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("way", [article, studio])
    def test_what_is_copied_comes_back(self, way: Callable[[int], Joining]) -> None:
        mixture = noise(500)
        assert np.allclose(join(mixture, way(SEGMENT), lambda segment: segment), mixture, atol=1e-6)

    def test_the_articles_way_runs_the_network_three_times_as_often(self) -> None:
        calls: list[int] = []

        def estimate(segment: Float32Array) -> Float32Array:
            calls.append(segment.shape[1])
            return segment

        counts = []
        for joining in (studio(SEGMENT), article(SEGMENT)):
            calls.clear()
            join(noise(48 * 20), joining, estimate)
            assert set(calls) == {SEGMENT}
            assert len(calls) == joining.runs(48 * 20)
            counts.append(len(calls))
        assert counts == [20, 60]

    def test_the_75_percent_way_is_the_plan_studio_where_segments_are_whole(self) -> None:
        mixture = noise(SEGMENT * 5)
        ramp = np.linspace(1, 3, SEGMENT, dtype=np.float32)
        plan = WindowPlan(segment=SEGMENT, hop=48, overlap=16, lookahead=0)
        assembled = OverlapAdd(plan, 2)
        whole = [plan.span(k) for k in range(5)]
        parts = [assembled.push(span, mixture[:, span.start : span.start + SEGMENT] * ramp) for span in whole]
        due = np.concatenate(parts, axis=1)
        found = join(mixture, studio(SEGMENT), lambda segment: segment * ramp)
        assert np.allclose(found[:, : due.shape[1]], due, atol=1e-5)

    def test_both_ways_are_measured_once(self) -> None:
        plan, hann = Joined(noise(960), 480, SEGMENT, lambda segment: segment).cases()
        first = plan.run()
        assert first["runs"] == 20
        assert first["per_second"] > 0
        assert hann.run()["apart"] > 100
        assert plan.run() == hann.run() == {}


class TestParity:
    def test_it_is_against_the_references_peak_and_power(self) -> None:
        reference = np.full((2, 10), 2.0, np.float32)
        found = reference.copy()
        found[0, 0] += 0.5
        figures = parity(reference, found)
        assert figures["largest"] == 0.25
        assert figures["snr"] == pytest.approx(10 * np.log10(20 * 4 / 0.25))

    def test_what_is_the_same_has_a_number_that_json_knows(self) -> None:
        silent = np.zeros((2, 10), np.float32)
        assert parity(noise(10), noise(10)) == {"largest": 0.0, "snr": EXACT}
        assert parity(silent, noise(10))["snr"] == -EXACT


class TestContenders:
    def test_each_specialist_gives_its_own_row(self, tmp_path: Path) -> None:
        one, four = copying(tmp_path / "1.onnx"), copying(tmp_path / "4.onnx", rows=4)
        for made in (recipe(one, one, rows=(0, 0)), recipe(four, four, rows=(1, 3), outputs=4)):
            network = contender(made)
            assert network.obstacle() is None
            network.prepare()
            stems = network.run(noise(SEGMENT))
            check(stems, made)
            assert np.array_equal(stems, np.stack([noise(SEGMENT)] * 2))

    def test_what_is_no_stem_is_refused(self) -> None:
        made = recipe("a")
        with pytest.raises(StemdError, match="shape"):
            check(np.zeros((1, 2, SEGMENT + 1), np.float32), made)
        with pytest.raises(StemdError, match="none"):
            check(np.full((1, 2, SEGMENT), np.nan, np.float32), made)

    def test_alone_it_is_loaded_run_and_weighed(self, tmp_path: Path) -> None:
        figures = alone.measure(recipe(copying(tmp_path / "a.onnx")), 60)
        assert figures["load"] > 0
        assert 20 < figures["peak"] < 1_000, "MB; PyTorch alone would take more than half of that"

    def test_what_takes_too_long_is_given_up(self, tmp_path: Path) -> None:
        with pytest.raises(StemdError, match=r"not done within 0\.01 s"):
            alone.measure(recipe(copying(tmp_path / "a.onnx")), 0.01)

    def test_who_fails_is_left_out_with_the_reason(self, tmp_path: Path) -> None:
        (tmp_path / "broken.onnx").write_bytes(b"no graph")
        broken = Entry(PEER, recipe(str(tmp_path / "broken.onnx")))
        for skipped in (load([broken], noise(SEGMENT), str)[1], weigh([broken], Options(), str)[1]):
            assert skipped[0].name == PEER
            assert "broken.onnx" in skipped[0].reason

    def test_without_the_reference_there_is_nothing_to_compare_with(self, tmp_path: Path) -> None:
        with pytest.raises(StemdError, match="cannot load"):
            load([Entry(EAGER, recipe(str(tmp_path / "absent.onnx")))], noise(SEGMENT), str)

    def test_stems_are_held_against_those_of_as_many_specialists(self, tmp_path: Path) -> None:
        one = copying(tmp_path / "1.onnx")
        entries = [
            Entry(EAGER, recipe(one)),
            Entry(BAGS[EAGER], recipe(one, one, rows=(0, 0))),
            Entry(FAST, recipe(one)),
            Entry(APART, recipe(one, one, rows=(0, 0)), timed=False),
            Entry(BAGS[FAST], recipe(one, one, rows=(0, 0))),
        ]
        ready, skipped = load(entries, noise(SEGMENT), str)
        assert not skipped
        assert [bool(r.parity) for r in ready.values()] == [False, False, True, True]
        assert APART not in ready

    def test_a_peer_that_is_not_installed_says_how_to_have_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peer.importlib.util, "find_spec", lambda _: None)
        with pytest.raises(StemdError, match=r"pip install --no-deps demucs-onnx==.*--peer"):
            peer.make(tmp_path / "a.pt", tmp_path / "a.onnx", 1.0)

    def test_everybody_takes_part_or_is_named(self, tmp_path: Path) -> None:
        files = Material(SEGMENT, 44_100, [tmp_path] * 4, [tmp_path] * 4, {"all": tmp_path}, None, {"peer": "gone"})
        entries, absent = lineup(files, Options(quick=True, threads=3), tmp_path)
        names = [entry.name for entry in entries]
        assert names[0] == EAGER, "the others are compared with it"
        assert {FAST, OPENVINO, APART, *BAGS.values()} < set(names)
        assert {s.name: s.reason for s in absent}[PEER] == "gone"
        assert COMPILED in {s.name for s in absent}
        assert COMPILED in {e.name for e in lineup(files, Options(), tmp_path)[0]}
        assert {entry.recipe.threads for entry in entries} == {3}
        with_all = next(entry.recipe for entry in entries if "all" in entry.name)
        assert (with_all.rows, with_all.outputs) == ((ONE,), SPECIALISTS)


def test_a_floor_is_a_rate() -> None:
    found = floors(64, 1)
    assert {"PyTorch", "onnxruntime"} <= set(found)
    assert all(0 < measure() < 1e5 for measure in found.values())


def test_timing_counts_the_call_alone() -> None:
    figures = timed(lambda: time.sleep(0.2))
    assert 0.2 <= figures["seconds"] < 0.3
    assert figures["others"] >= 0


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

    def test_the_floor_is_the_work_at_the_best_rate(self) -> None:
        least = floor(rows())
        assert least is not None
        assert least.seconds == 1
        named = {v.name: v.measures for v in derive(rows())}
        assert named[FAST]["floor"].values == (2, 2, 2)
        assert named[BAGS[FAST]]["floor"].values == (2, 2, 4)
        assert floor(rows()[:-1]) is None

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


@pytest.mark.parametrize("wrong", [["--repeats", "0"], ["--threads", "-1"], ["--peer", "/no/such/file.onnx"]])
def test_what_makes_no_sense_is_refused_at_once(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "network", *wrong]) == 78
    assert wrong[0] in capsys.readouterr().err


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
