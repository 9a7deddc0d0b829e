"""`stemd bench latency`: stages are all of the latency, cases differ in one thing, and what is judged was heard."""

import argparse
import socket
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stemd.cli import main
from stemd_bench.latency import measuring, rule
from stemd_bench.latency.blocks import STAGES, WAY, latency, lateness, stage
from stemd_bench.latency.cases import COPY, NARROW, SPLEETER, Setting, settings
from stemd_bench.latency.dial import HOP
from stemd_bench.latency.figures import UNITS, figures
from stemd_bench.latency.ladder import steps
from stemd_bench.latency.measuring import WARM_UP, Heard
from stemd_bench.latency.options import suite
from stemd_bench.latency.plots import plots
from stemd_bench.latency.task import Task
from stemd_bench.overhead.copying import write_model
from stemd_bench.results import Report
from tests.bench.latency_blocks import MS, POINTS, blocks, degrade, heard


def test_the_stages_of_every_block_are_all_of_its_latency_each_moment_once() -> None:
    made = blocks()
    stretches = sorted((stretch for parts in STAGES.values() for stretch in parts), key=lambda s: POINTS.index(s[0]))
    assert stretches == list(pairwise(POINTS)), "a chain without a gap"
    assert np.allclose(sum(stage(made, name) for name in STAGES), latency(made), rtol=0, atol=1e-9)
    assert np.allclose(latency(made) - lateness(made), made["declared"] / 1e6, rtol=0, atol=1e-9)


def test_means_and_slowest_of_the_stages_add_up() -> None:
    made = blocks(1_000)
    found = figures(heard(made))
    assert sum(found[f"{name}_mean"] for name in STAGES) == pytest.approx(found["latency_mean"], abs=1e-9)
    times = latency(made)
    slow = times[times >= np.percentile(times, 99)]
    assert len(slow) == 10
    assert sum(found[f"{name}_slowest"] for name in STAGES) == pytest.approx(slow.mean(), abs=1e-9)
    assert set(found) <= set(UNITS)


def test_degraded_blocks_are_counted_and_have_no_times() -> None:
    whole, broken = figures(heard(blocks(100))), figures(heard(degrade(blocks(100), slice(50, 60))))
    assert (whole["degraded"], broken["degraded"], broken["blocks"]) == (0, 10, 100)
    assert np.size(broken["latency"]) == 90
    assert "latency" not in figures(heard(degrade(blocks(10), slice(0, 10))))


def test_a_block_that_is_degraded_before_the_measured_ones_is_counted() -> None:
    assert figures(heard(blocks(100), heard=150, degraded=3))["degraded"] == 3


def test_the_load_is_that_of_all_streams_each_by_its_hop_or_not_known() -> None:
    made = blocks(200)
    made["stream"] = 5 + np.arange(200) % 2
    made["ended"] = made["begun"] + np.where(made["stream"] == 5, 20, 30) * MS
    assert figures(heard(made, hops=[0.1, 0.2]))["load"] == pytest.approx(20 + 15)
    silent = made.copy()
    for point in WAY:
        silent[point][::2] = 0
    assert "load" not in figures(heard(silent, hops=[0.1, 0.2])), "of the first nothing is known"


def test_each_case_differs_from_the_base_in_what_its_group_says() -> None:
    base, *others = settings(["auto", "live"], [1, 2, 4], [SPLEETER, COPY, NARROW])
    assert len({case.name for case in (base, *others)}) == len(others) + 1
    own = {"plan": ["plan"], "streams": ["streams"], "network": ["network"]}
    for case in others:
        differ = [key for key, value in case.parameters().items() if value != base.parameters()[key] and key != "group"]
        if case.group == "transport":
            assert set(differ) <= {"transport", "keys"}
        elif case.network == SPLEETER:
            assert differ == own[case.group]
        else:
            assert "network" in differ
    counts = [(case.network, case.streams) for case in others if case.group == "streams"]
    assert counts == [(SPLEETER, 2), (SPLEETER, 4), (COPY, 2), (COPY, 4)]
    ways = {(case.transport, case.keys) for case in (base, *others)}
    assert ways >= {("tcp", False), ("tcp", True), (base.transport, True)}


@pytest.mark.parametrize(("overlap", "seconds"), [(0.0, 4.0), (0.25, 10.0), (0.5, 10.0), (0.75, 16.0)])
def test_the_rule_of_gstreamers_element(overlap: float, seconds: float) -> None:
    assert rule.declared(overlap) == pytest.approx(seconds)


def test_a_climb_ends_with_the_first_block_that_is_degraded() -> None:
    frames, loads = 25_600, [0.2, 0.4, 0.6, 0.8]
    made = blocks(400)
    hop_ns = HOP * 10**9 // 44_100
    made["ended"] = made["begun"] + np.repeat(loads, 100) * hop_ns
    made["ended"][:3] += hop_ns  # a segment that took long is not what the load is
    clean = steps(heard(made), loads, frames)
    assert [(step.asked, step.blocks, step.degraded) for step in clean] == [(load, 100, False) for load in loads]
    assert [step.load for step in clean] == pytest.approx(loads, rel=1e-6)
    broken = steps(heard(degrade(made.copy(), slice(230, 400))), loads, frames)
    assert [(step.blocks, step.degraded) for step in broken] == [(100, False), (100, False), (31, True)]
    assert broken[-1].load == pytest.approx(0.6, rel=1e-6), "of the segments that were in time"
    at_once = steps(heard(degrade(made.copy(), slice(200, 400))), loads, frames)
    assert at_once[-1].load == pytest.approx(0.6), "nothing was in time: by what the steps before took"


@pytest.mark.parametrize(
    "words",
    [
        ["--seconds", "0.1"],
        ["--seconds", "nan"],
        ["--seconds", "inf"],
        ["--streams", "0"],
        ["--streams", "two"],
        ["--streams", "65"],
        ["--network", "demucs"],
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "latency", *words]) == 78
    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_named_twice_is_played_once() -> None:
    words = {"quick": True, "seconds": None, "plan": "live,auto,live", "network": "copying,copying", "streams": "2,2"}
    made = suite(argparse.Namespace(**words)).options
    assert (made.plans, made.networks, made.streams) == (("live", "auto"), (COPY,), (2,))


@pytest.mark.parametrize(("keys", "mechanism"), [(False, b"NULL"), (True, b"CURVE")])
def test_over_tcp_with_keys_the_daemon_speaks_nothing_but_curve(
    keys: bool, mechanism: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told from the greeting on the wire (ZMTP 3: signature, version, then the mechanism in 20 bytes)."""
    greetings: list[bytes] = []

    def look(task: Task) -> Heard:
        host, port = task.address.removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port)), 10) as wire:
            wire.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + mechanism.ljust(20, b"\0") + bytes(32))
            with wire.makefile("rb") as reading:
                greetings.append(reading.read(64))
        return heard(blocks(1))

    write_model(tmp_path / "models" / COPY)
    monkeypatch.setattr(measuring, "play", look)
    setting = Setting(group="transport", plan="live", network=COPY, transport="tcp", keys=keys)
    measuring.measure(setting, tmp_path, tmp_path / "none.npy", 1.0)
    assert greetings[0][12:32].rstrip(b"\0") == mechanism


@pytest.mark.slow
def test_real_streams_are_played_split_into_stages_and_judged(tmp_path: Path) -> None:
    """Real daemons, sockets and keys, and a load that rises; whether aims are met is the machine's affair."""
    file, folder = tmp_path / "latency.json", tmp_path / "plots"
    words = ["--quick", "--seconds", "1", "--network", "copying", "--plan", "live,swift", "--streams", "2"]
    assert main(["bench", "latency", *words, "--json", str(file), "--plot", str(folder)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    found = {v.name: v for v in report.variants}
    left_out = {one.name for one in report.skipped}
    assert "plan swift" in left_out, "a plan that is none is left out, and said to be"
    base = "base: copying network, plan live, ipc"
    for name in (base, "2 streams, copying network", "tcp", "tcp, CURVE", "ipc, CURVE"):
        assert (name in found) != (name in left_out), "a machine that is busy enough refuses a stream, and says so"
        if name in found:
            streams = int(found[name].parameters["streams"])
            measures, spread = found[name].measures, found[name].distributions
            measured = streams * 44_100 / 256
            assert abs(spread["latency"].count - measured) <= streams + measures["degraded"].median
            assert measures["blocks"].median >= streams * (WARM_UP + 1) * 44_100 / 256 - measures["lost"].median
            means = sum(measures[f"{stage}_mean"].median for stage in STAGES)
            assert means == pytest.approx(measures["latency_mean"].median, abs=1e-6)
            assert spread["late"].low > -1, "none comes before its time"
            assert all(spread[stage].low >= 0 for stage in STAGES if stage != "buffering")
    climbed = [v.measures["step_load"].median for v in report.variants if v.parameters["group"] == "step"]
    assert bool(climbed) != ("rising load, promised at 60 %" in left_out)
    assert not climbed or climbed[-1] > 1.5 * climbed[0], "what is louder takes longer"
    assert found["GStreamer's rule, overlap 25 %"].measures["declared"].median == 10_000
    assert {path.stem for path in folder.iterdir()} == {plot.name for plot in plots(report)}
