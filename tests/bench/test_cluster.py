"""`stemd bench cluster`: what is measured, what is said of it, and what is drawn."""

import argparse
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stemd.cli import main
from stemd.config import Engine, load_config
from stemd.dsp.plan import WindowPlan
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.store import find
from stemd.separation.threads import ThreadPool
from stemd.separation.trial import trial
from stemd_bench.cluster import asking, holding, pinned, statistics, texts, traffic, verdicts
from stemd_bench.cluster.asking import Subject
from stemd_bench.cluster.names import GRPC, HERE, SHARED
from stemd_bench.cluster.options import doubling, suite
from stemd_bench.cluster.plots import plots
from stemd_bench.cluster.server import tritonserver
from stemd_bench.cluster.suite import Cluster
from stemd_bench.results import Report, Skipped, Variant
from stemd_bench.streams import networks
from tests.bench.cluster_report import capacity, request, variants, whole
from tests.bench.cluster_report import traffic as bytes_of
from tests.bench.reports import MACHINE

ALL = {"quick": True, "servers": None, "streams": None, "seconds": None, "plan": None}


def asked(**words: object) -> argparse.Namespace:
    return argparse.Namespace(**{**ALL, **words})


def conclusions(found: list[Variant], cores: int = 8) -> dict[str, bool | None]:
    return {one.aim.split()[0]: one.met for one in verdicts.conclude(found, cores)}


def test_servers_are_doubled_up_to_the_most() -> None:
    assert [doubling(most) for most in (1, 2, 3, 8)] == [(1,), (1, 2), (1, 2, 3), (1, 2, 4, 8)]


@pytest.mark.parametrize(
    "words", [["--servers", "0"], ["--streams", "0"], ["--plan", "livid"], ["--seconds", "0.1"], ["--servers", "65"]]
)
def test_what_cannot_be_measured_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "cluster", *words]) == 78
    assert words[0] in capsys.readouterr().err


def test_a_quick_run_counts_with_fewer_plans_servers_and_streams() -> None:
    quick, full = suite(asked()), suite(asked(quick=False))
    assert quick.options.plans < full.options.plans
    assert quick.options.streams < full.options.streams
    assert max(quick.options.servers) <= 2
    assert quick.repeats < full.repeats


def test_a_daemon_asks_the_servers_that_are_named_and_without_any_runs_networks_itself(tmp_path: Path) -> None:
    network = networks.shipped(tmp_path, 4)
    file = tmp_path / "stemd.toml"
    for addresses in ([], ["127.0.0.1:8001", "127.0.0.1:8002"]):
        file.write_text(holding.on_servers(network, addresses).config)
        engine = load_config(file).engine
        assert engine.name == ("triton" if addresses else "onnxruntime")
        assert list(engine.triton.endpoints) == addresses
        if addresses:
            assert not engine.triton.shared_memory, "which machines do not have between them"
        else:
            assert engine.threads == 1, "as a server of one core"


def test_bytes_by_plan_are_those_of_the_tensors() -> None:
    model = find("spleeter-vocals")
    plan = model.manifest.live.window()
    [case] = traffic.cases([(model, "live", plan)])
    found = case.run()
    segment = trial(plan, spectral=True)
    samples = segment.mixture.size + segment.lead.size
    assert found["sent"] * 1_024 == 4 * samples + 6 * 8
    assert found["answered"] * 1_024 == 4 * 2 * segment.span.reach
    assert found["sent_rate"] == pytest.approx(found["sent"] * 8_192 / 1e6 / (2_048 / 44_100))
    longer = next(traffic.cases([(model, "long", WindowPlan(plan.segment, 4_096, 1_024, 3_072))])).run()
    assert longer["sent_rate"] == pytest.approx(found["sent_rate"] / 2), "twice the hop, half as often"


def test_stages_of_a_request_add_up_to_its_trip() -> None:
    before = statistics.counted({"inference_stats": {"success": {"count": "2", "ns": "5"}}})
    told = {"queue": 4e6, "compute_input": 6e6, "compute_infer": 90e6, "compute_output": 8e6}
    after = {
        "inference_stats": {"success": {"count": "4"}, **{name: {"ns": str(int(ns))} for name, ns in told.items()}}
    }
    found = statistics.stages(before, statistics.counted(after), trip=0.070, network=0.040)
    assert list(found) == list(statistics.STAGES)
    assert sum(found.values()) == pytest.approx(0.070)
    assert found["backend"] == pytest.approx(0.045 - 0.040)
    assert found["queue"] == pytest.approx(0.002)
    assert found["way"] == pytest.approx(0.070 - 0.054)


def test_the_baseline_is_the_network_in_this_process() -> None:
    model = find("spleeter-vocals")
    subject = Subject(model, "short", WindowPlan(65_536, 2_048, 1_024, 3_072))
    pool = ThreadPool(EngineOptions.configured(Engine(threads=1)))
    try:
        pool.load(model)
        found = asking.measure(subject, pool, None, 0.1)
    finally:
        pool.close()
    assert found.keys() == {"trip_p50", "trip_p99", "own_cpu"}
    assert 0 < found["trip_p50"] <= found["trip_p99"]
    assert found["own_cpu"] > 0.2 * found["trip_p50"], "it is this process that computes"


class TestSaid:
    def test_all_aims_are_met_by_good_figures(self) -> None:
        assert set(conclusions(variants()).values()) == {True}

    @pytest.mark.parametrize(
        ("aim", "worse"),
        [
            ("the", request("live", GRPC, added_p99=25.5)),
            ("shared", request("live", SHARED, added_p50=12.5)),
            ("all", capacity(2, 14, admitted=15)),
            ("two", capacity(2, 10)),
        ],
    )
    def test_an_aim_that_is_missed_is_said_to_be(self, aim: str, worse: Variant) -> None:
        changed = [worse if v.name == worse.name else v for v in variants()]
        assert {name for name, met in conclusions(changed).items() if not met} == {aim}

    def test_without_servers_nothing_is_claimed(self) -> None:
        assert set(conclusions([bytes_of("live")]).values()) == {None}

    def test_what_servers_gain_is_not_judged_where_they_have_no_cores_of_their_own(self) -> None:
        assert conclusions(variants(), cores=2)["two"] is None

    def test_each_is_set_beside_the_same_without_a_server(self) -> None:
        found = {v.name: v.measures for v in verdicts.beside_here(variants())}
        assert found[f"spleeter-vocals, live, {GRPC}"]["times_here"].median == pytest.approx(52 / 30)
        assert found[f"spleeter-vocals, live, {HERE}"]["times_here"].median == 1
        assert found["roomy, 2 servers"]["times_one"].median == pytest.approx(2)

    def test_what_was_counted_is_set_beside_what_planning_reckons(self) -> None:
        [one, two] = texts.remarks(variants())[:2]
        assert one.startswith("roomy, 1 servers: 7 held")
        assert "6.7" in one, "half a second at 1/1.3, of 57 ms each"
        assert "13.5" in two
        assert texts.remarks([bytes_of("live")]) == ()

    def test_the_table_has_every_figure_that_it_names(self) -> None:
        named = {quantity.partition(":")[0] for heading in texts.HEADINGS for quantity in heading}
        assert named <= Cluster.units.keys()


class TestPlots:
    def test_each_is_drawn_from_the_report_alone(self) -> None:
        drawn = plots(whole())
        assert [plot.name for plot in drawn] == ["cluster-streams", "cluster-request", "cluster-traffic"]
        assert all(plot.svg.lstrip().startswith("<?xml") and plot.title and plot.caption for plot in drawn)

    def test_they_say_how_many_cores_all_of_it_shares(self) -> None:
        assert f"the {MACHINE.cores} cores of one machine" in plots(whole())[0].caption

    def test_what_was_not_measured_is_not_drawn(self) -> None:
        report = msgspec.structs.replace(whole(), variants=(bytes_of("live"),))
        assert [plot.name for plot in plots(report)] == ["cluster-traffic"]
        assert plots(msgspec.structs.replace(whole(), variants=())) == []

    def test_streams_that_did_not_hold_can_be_seen(self) -> None:
        changed = [capacity(2, 12, admitted=15) if v.name == "roomy, 2 servers" else v for v in variants()]
        usual, other = (
            plots(msgspec.structs.replace(whole(), variants=tuple(v)))[0].svg for v in (variants(), changed)
        )
        assert usual != other


def test_without_a_server_it_says_so_and_gives_what_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMD_TRITON", str(tmp_path / "nowhere"))
    monkeypatch.setattr("stemd_bench.live.beside.write_apart", lambda *_, **__: "no PyTorch in this test")
    file = tmp_path / "cluster.json"
    assert main(["bench", "cluster", "--quick", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    assert {str(v.parameters["group"]) for v in report.variants} == {"traffic"}
    assert any("there is no tritonserver" in one.reason for one in report.skipped)
    assert {one.met for one in report.conclusions} == {None}
    assert pinned.lacking() is not None


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_requests_are_timed_and_streams_counted_on_real_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One server, a few streams: how fast it is, and how many it holds, is the machine's affair."""
    if isinstance(found := tritonserver(), Skipped):
        pytest.skip(found.reason)
    monkeypatch.setattr("stemd_bench.live.beside.write_apart", lambda *_, **__: "it takes long to export")
    file, folder = tmp_path / "cluster.json", tmp_path / "plots"
    words = ["--quick", "--seconds", "0.5", "--streams", "2", "--servers", "1"]
    assert main(["bench", "cluster", *words, "--json", str(file), "--plot", str(folder)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    requests = {
        (v.parameters["network"], v.parameters["plan"], v.parameters["way"]): v.measures
        for v in report.variants
        if v.parameters["group"] == "request"
    }
    size = {
        (v.parameters["network"], v.parameters["plan"]): v.measures
        for v in report.variants
        if v.parameters["group"] == "traffic"
    }
    for (network, plan, way), m in requests.items():
        assert m["trip_p50"].median > 0
        if way == HERE:
            continue
        assert 0 < m["compute_p50"].median < m["trip_p50"].median
        assert m["added_p50"].median > 0
        stages = sum(m[f"stage_{stage}"].median for stage in statistics.STAGES)
        assert stages == pytest.approx(np.mean(m["trip_p50"].values), rel=0.5)
        assert m["server_cpu"].median > 0.5 * m["compute_p50"].median
        there_and_back = size[network, plan]["sent"].median + size[network, plan]["answered"].median
        assert (m["wire"].median > 0.99 * there_and_back) is (way == GRPC), "samples go through the socket or do not"
    assert {way for *_, way in requests} == {HERE, GRPC, SHARED}
    counted = {v.parameters["servers"]: v.measures for v in report.variants if v.parameters["group"] == "capacity"}
    assert set(counted) == {0, 1}
    assert 0 <= counted[1]["held"].median <= counted[1]["admitted"].median <= 2
    assert {path.name for path in folder.iterdir()} == {
        "cluster-streams.svg",
        "cluster-request.svg",
        "cluster-traffic.svg",
    }
    assert main(["bench", "plan", str(file)]) == 0
