"""`stemd bench streams`: what is counted, what is called fair, and no order that the figures do not show."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stemd.cli import main
from stemd.protocol import Plan
from stemd_bench.overhead.copying import config, write_model
from stemd_bench.overhead.load import play
from stemd_bench.overhead.task import Result, Served, Task
from stemd_bench.process import Daemon
from stemd_bench.results import Report
from stemd_bench.streams import growth
from stemd_bench.streams.capacity import ALONE, TOGETHER, Stage, capacity, is_held, most, stage
from stemd_bench.streams.fairness import jain, of_all
from stemd_bench.streams.fits import grow
from stemd_bench.streams.growth import AXES, Setting, settings
from stemd_bench.streams.networks import STEMS, copy, demucs, left_out, shipped
from stemd_bench.streams.options import suite

X = (1, 2, 4, 8, 16, 32, 64)


def scattered(
    x: tuple[int, ...], cost: Callable[[float], float], noise: float, repeats: int = 3, seed: int = 7
) -> list[float]:
    """Costs at each x, one after the other, each off by some `noise`."""
    chance = np.random.default_rng(seed)
    return [cost(at) * float(np.exp(noise * chance.standard_normal())) for at in np.repeat(x, repeats).tolist()]


@pytest.mark.parametrize(
    ("cost", "order", "exponent"),
    [
        (lambda x: 3 + 2 * x, "linear", 1.0),
        (lambda x: 3 + 0.2 * x**2, "faster than linear", 2.0),
        (lambda x: 1 + 4 * x**0.5, "slower than linear", 0.5),
    ],
)
def test_the_order_of_a_cost_is_found_above_its_base(
    cost: Callable[[float], float], order: str, exponent: float
) -> None:
    found = grow(np.repeat(X, 3).tolist(), scattered(X, cost, 0.03))
    assert found is not None
    assert found.order == order
    assert found.exponent == pytest.approx(exponent, abs=0.15)


def test_the_interval_of_an_exponent_holds_the_true_one_as_often_as_it_says() -> None:
    x = np.repeat(X, 3).tolist()
    found = [grow(x, scattered(X, lambda at: 3 + 2 * at, 0.05, seed=seed)) for seed in range(60)]
    right = [one is not None and abs(one.exponent - 1) <= one.exponent_error for one in found]
    assert sum(right) >= 0.85 * len(right)


def test_a_line_is_found_with_its_base_and_its_slope() -> None:
    found = grow(X, [5 + 0.25 * x for x in X])
    assert found is not None
    assert (found.base, found.slope, found.r2) == pytest.approx((5, 0.25, 1))
    assert found.slope_error < 1e-6


def test_what_does_not_grow_is_flat() -> None:
    found = grow(np.repeat(X, 3).tolist(), scattered(X, lambda _: 4.0, 0.02))
    assert found is not None
    assert found.order == "flat"


def test_what_surely_grows_is_not_flat_however_large_its_base() -> None:
    found = grow(X, [700 + x + 0.01 * (-1) ** n for n, x in enumerate(X)])
    assert found is not None
    assert found.order == "linear"


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((1, 2, 4), (2, 4, 8)),  # three points lie on a curve of this kind, whatever they are
        ((1, 2, 4) * 3, (2.0, 4.0, 8.0, 2.1, 4.1, 8.1, 1.9, 3.9, 7.9)),  # however often they are taken
        ((1, 2, 4, 8), (4.0, 4.2, 5.6, 7.0)),  # near a line, but near other curves, too
        (X, (9, 2, 7, 1, 8, 3, 9)),
        ((1, 2, 4, 8), (4.0, 5.1, 4.6, 6.6)),  # it grows, but as what?
        ((1, 2, 4, 8), (4, 4, 4, 0)),
    ],
)
def test_no_order_is_named_that_the_figures_do_not_show(x: tuple[int, ...], y: tuple[float, ...]) -> None:
    found = grow(x, y)
    assert found is not None
    assert found.order == "unknown"
    assert grow(x[:1], y[:1]) is None


def test_jains_index_is_one_where_all_get_the_same_and_one_in_n_where_one_gets_all() -> None:
    assert jain([7, 7, 7]) == pytest.approx(1)
    assert jain([9, 0, 0, 0]) == pytest.approx(1 / 4)
    assert jain([1, 3]) == pytest.approx(16 / 20)
    assert jain([0, 0]) == 1


def test_streams_are_told_apart_by_the_best_and_the_worst_of_them() -> None:
    good = Served(late=[1.0] * 100, due=100, on_time=100, load=0.1)
    poor = Served(late=[1.0] * 50 + [40.0] * 50, due=100, on_time=50, degraded=3, load=0.3)
    found = of_all([good, poor])
    assert found["fairness"] == pytest.approx(150**2 / (2 * (100**2 + 50**2)))
    assert (found["best_on_time"], found["worst_on_time"]) == (100, 50)
    assert (found["best_late_p99"], found["worst_late_p99"]) == (1, 40)
    assert (found["best_degraded"], found["worst_degraded"]) == (0, 3)
    assert (found["best_load"], found["worst_load"]) == pytest.approx((10, 30))
    assert of_all([]) == {}
    starved = Served(late=[1.0] * 50, due=100, on_time=50, lost=50)
    assert of_all([good, starved])["worst_on_time"] == 50, "what never came was not on time"


@pytest.mark.parametrize("limit", range(12))
def test_the_most_that_hold_are_found_by_halving(limit: int) -> None:
    held, broke = most(11, lambda count: count <= limit, tries=9)
    assert held == min(limit, 11)
    assert broke == (limit + 1 if limit < 11 else None)


def test_with_few_tries_no_more_is_claimed_than_was_played() -> None:
    asked: list[int] = []

    def holds(count: int) -> bool:
        asked.append(count)
        return count <= 5

    assert most(16, holds, tries=2) == (0, 8)
    assert asked == [16, 8]
    assert most(0, holds, tries=2) == (0, None)


def test_costs_are_those_of_the_most_streams_that_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(self: Stage, streams: int) -> Result:
        late = 1.0 if streams <= 4 else 20.0
        each = [Served(late=[late], due=1, on_time=1, load=0.1) for _ in range(min(streams, 8))]
        return Result(streams=each, daemon_cpu=0.01 * len(each), memory=180, memory_before=100, declared=0.2)

    monkeypatch.setattr(Stage, "play", play)
    found, first = capacity(object.__new__(Stage), 10, tries=6)
    assert len(first.streams) == 8
    assert (found["admitted"], found["held"], found["broke"]) == (8, 4, 5)
    assert (found["load_per_stream"], found["daemon_cpu"], found["added_p99"]) == pytest.approx((10, 4, 1))
    assert found["memory_per_stream"] == pytest.approx(10), "of all that were admitted"


@pytest.mark.parametrize("fault", [{"degraded": 1}, {"dropped": 1}, {"changed": 1}, {"lost": 1}, {"late": [10.5]}])
def test_streams_are_held_where_no_block_is_wrong_or_late(fault: dict[str, object]) -> None:
    good = Served(late=[2.0])
    assert is_held(Result(streams=[good, good]), 2)
    assert not is_held(Result(streams=[good, msgspec.convert({"late": [2.0], **fault}, Served)]), 2)
    assert not is_held(Result(streams=[good]), 2), "one was refused"
    assert not is_held(Result(streams=[Served()]), 1), "nothing came"


@pytest.mark.parametrize("quick", [False, True])
def test_along_each_axis_one_thing_grows_and_the_others_stay(quick: bool) -> None:
    every = settings(quick=quick, streams=128)
    assert len(set(every)) == len(every) == len({setting.name for setting in every})
    usual = every[0]
    for axis in AXES:
        others = [other.parameter for other in AXES if other is not axis]
        line = [s for s in every if all(getattr(s, name) == getattr(usual, name) for name in (*others, "kind"))]
        assert {getattr(s, axis.parameter) for s in line} == {*(axis.quick if quick else axis.full)}
        assert len(line) >= 4, "or no order could be named"
    assert max(s.streams for s in settings(quick=quick, streams=3)) == 3


def test_every_network_has_the_plans_that_the_daemon_knows_and_says_which_it_lacks(tmp_path: Path) -> None:
    copying, real = copy(tmp_path, 4), shipped(tmp_path, 4)
    assert {"live", "studio", "auto", "roomy"} == set(copying.plans)
    assert {"live", "fast", "studio", "auto", "roomy"} == set(real.plans)
    assert [one.name for one in left_out(copying, ["fast", "live"])] == ["copy, fast"]
    assert real.plans["roomy"] == Plan(230_400, 21_504, 1_024, 3_072)


def test_without_pytorch_that_network_is_left_out_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('No module named torch')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = demucs(tmp_path / "models", 4, narrow=True)
    assert "pip install 'stemd[export]'" in getattr(found, "reason", "")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    write_model(tmp_path, STEMS)
    with Daemon(config(tmp_path, 4)) as running:
        yield running


def test_what_is_sent_is_heard_by_every_listener_of_every_stem(daemon: Daemon) -> None:
    """Every block is accounted for: heard, dropped or lost; and the network's are those that were sent."""
    words = {"streams": 2, "stems": STEMS[:3], "offered": STEMS[:3], "subscribers": 2, "block": 1_000}
    task = msgspec.convert(
        {"address": daemon.address, "pid": daemon.pid, "seconds": 0.5, "warm_up": 0.2, **words}, Task
    )
    result = play(task)
    assert len(result.streams) == 2
    for served in result.streams:
        assert served.due == round(0.5 * 44.1) * 3 * 2
        assert served.changed == 0
        assert 0 < len(served.late) <= served.due
        assert served.on_time <= len(served.late)
        assert served.due - len(served.late) <= served.dropped
        assert served.lost == 0
    assert result.daemon_cpu > 0
    assert result.memory > 10


def test_streams_that_begin_one_after_the_other_are_all_heard_to_the_end(daemon: Daemon) -> None:
    plan = Plan(8_820, 4_410, 0, 0)  # a hop of five blocks
    words = {"streams": 4, "stems": STEMS[:1], "offered": STEMS[:1], "plan": plan, "spread": True}
    result = play(Task(address=daemon.address, pid=daemon.pid, seconds=0.5, warm_up=0.2, **words))
    assert [served.due for served in result.streams] == [25 + 3, 25 + 2, 25 + 1, 25]
    assert [served.lost for served in result.streams] == [0] * 4


@pytest.mark.parametrize(("company", "begun"), [(ALONE, [28, 27, 26, 25]), (TOGETHER, [25] * 4)])
def test_streams_begin_one_after_the_other_unless_all_at_once(company: str, begun: list[int], tmp_path: Path) -> None:
    network = replace(copy(tmp_path, 4), plans={"live": Plan(8_820, 4_410, 0, 0)})
    with stage(network, "live", 0.5) as on:
        assert [served.due for served in on.play(4, company).streams] == begun


def test_streams_that_the_daemon_refuses_are_not_played(daemon: Daemon) -> None:
    result = play(
        Task(address=daemon.address, pid=daemon.pid, streams=6, offered=STEMS[:1], stems=STEMS[:1], seconds=0.1)
    )
    assert len(result.streams) == 4
    assert "max_streams" in result.refusal


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*growth.DERIVED, growth.INTEGERS])
def test_every_kind_of_stem_can_be_listened_to(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[Task] = []
    monkeypatch.setattr(growth, "play", lambda task: played.append(task) or play(task))
    found = growth.measure(Setting(streams=1, kind=kind), 0.3)
    assert found["opened"] == 1
    assert found["changed"] == 0
    assert found["blocks"] == 15
    assert found["cpu_per_stream"] > 0
    heard = (STEMS[:1], "s16le") if kind == growth.INTEGERS else ((kind,), "f32le")
    assert (played[0].stems, played[0].format) == heard


@pytest.mark.parametrize(
    "words", [["--streams", "0"], ["--streams", "many"], ["--plan", "livid"], ["--seconds", "0.1"]]
)
def test_what_cannot_be_measured_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(["bench", "streams", *words])
    except SystemExit as exc:  # what is no number at all
        status = exc.code
    assert status in (2, 78)
    assert words[0].removeprefix("--") in capsys.readouterr().err


def test_a_plan_that_is_named_twice_is_tried_once() -> None:
    asked = argparse.Namespace(quick=True, streams=None, seconds=None, plan="live,roomy,live")
    assert suite(asked).options.plans == ("live", "roomy")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_streams_are_counted_played_and_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real daemons and real clients; how many they hold is the machine's affair. Of the growth, three points."""
    monkeypatch.setattr(growth, "settings", lambda **asked: settings(**asked)[:3])
    file, folder = tmp_path / "streams.json", tmp_path / "plots"
    words = ["--quick", "--seconds", "0.5", "--streams", "3", "--plan", "roomy"]
    assert main(["bench", "streams", *words, "--json", str(file), "--plot", str(folder)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    capacity = {v.parameters["network"]: v for v in report.variants if v.parameters["group"] == "capacity"}
    assert {"spleeter-vocals", "copy"} <= set(capacity)
    assert capacity["copy"].measures["admitted"].median == 3
    for variant in capacity.values():
        m = variant.measures
        assert 0 <= m["held"].median <= m["admitted"].median <= 3
    assert {v.parameters["axis"] for v in report.variants if v.parameters["group"] == "order"} <= {
        axis.parameter for axis in AXES
    }
    assert len(report.conclusions) == 3
    assert (folder / "streams-capacity.svg").stat().st_size > 1_000
