"""`stemd tune`: what it says of a plan is what a daemon would promise, and its advice follows from that."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stemd.cli import main
from stemd.commands.songs import read_song, score
from stemd.commands.tune import Tuning, advice
from stemd.config import Config, Plan
from stemd.dsp.plan import WindowPlan
from stemd.errors import ConfigError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.pool import Capacity, Lane, Timing
from stemd.separation.store import Model, find
from stemd.service.tuning import Memory
from stemd.service.weighing import RATES, Weighed, automatic, candidates, merged, weigh
from stemd_bench.overhead.copying import config, write_model
from stemd_bench.overhead.plan import NAME, STEM

BLOCK = 256


class Told:
    """A library whose networks take what they are told to."""

    def __init__(self, model: Model, seconds: float, memory: Path) -> None:
        self.hops = Memory(memory, "a test")
        self._model, self._seconds = model, seconds

    async def load(self, name: str) -> Model:
        return self._model

    async def timings(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        return [Timing(self._seconds / 2, self._seconds) for _ in specialists]

    def capacity(self, model: Model) -> Capacity:
        return Capacity()

    def forget(self, model: Model, plan: WindowPlan) -> None:
        pass


@pytest.fixture(scope="module")
def model() -> Model:
    return find("spleeter-vocals")


async def weighed(model: Model, seconds: float, tmp_path: Path) -> Weighed:
    library: Any = Told(model, seconds, tmp_path / "hops.json")
    return await weigh(("live",), model.manifest.live.window(), model, Config(), library, BLOCK)


async def test_a_plan_is_declared_as_the_daemon_declares_it(model: Model, tmp_path: Path) -> None:
    row = await weighed(model, 0.02, tmp_path)
    live, margin = model.manifest.live.window(), Config().realtime.margin
    # One segment of its own, and one of somebody else that may go first.
    frames = live.latency + BLOCK + math.ceil((2 * 0.02 + margin) * 44_100)
    assert row.latencies[44_100] == frames / 44_100
    assert 0 < row.latencies[48_000] - row.latencies[44_100] < 0.01, "the resamplers"
    assert row.load == pytest.approx(0.02 * 44_100 / live.hop)


async def test_a_plan_that_cannot_hold_says_why(model: Model, tmp_path: Path) -> None:
    row = await weighed(model, 0.2, tmp_path)
    assert not row.latencies
    assert "longer than a hop" in row.refusal
    assert row.load is not None
    assert row.load > 1


async def test_auto_is_the_shortest_hop_with_headroom_and_what_it_remembered(model: Model, tmp_path: Path) -> None:
    library: Any = Told(model, 0.06, tmp_path / "hops.json")
    live = model.manifest.live.window()
    assert await automatic(model, Config(), library) == (replace(live, hop=4_096), None)
    library.hops.keep(model, replace(live, hop=5_120), model.manifest.stems)
    assert await automatic(model, Config(), library) == (replace(live, hop=4_096), replace(live, hop=5_120))
    hopeless: Any = Told(model, 60.0, tmp_path / "none.json")
    assert await automatic(model, Config(), hopeless) == (None, None)


def test_each_plan_stands_in_the_table_once(model: Model) -> None:
    mine = Plan(segment=230_400, hop=6_144, overlap=0, lookahead=5_120)
    rows = merged(candidates(model, Config(plans={"mine": mine})))
    names = [" ".join(of) for of in rows.values()]
    assert {"studio", "live", "fast", "mine"} <= set(names)
    hops = {plan.hop for plan in rows if plan.lookahead == model.manifest.live.lookahead}
    assert {1_024, 2_048, 3_072, 4_096} <= hops
    assert {2_048, 3_072, 4_096, 5_120} <= {plan.lookahead for plan in rows}


def row(name: str, hop: int, latency: float) -> Weighed:
    plan = WindowPlan(230_400, hop, 0, 5_120)
    return Weighed((name,), plan, 44_100, 0.01, dict.fromkeys(RATES, latency) if latency else {}, "too slow")


def test_the_advice_is_the_shortest_latency_that_loses_little() -> None:
    studio, slow, quick, broken = row("studio", 9_216, 8.0), row("a", 4_096, 0.4), row("b", 2_048, 0.3), row("c", 1, 0)
    found = Tuning("m", BLOCK, [studio, slow, quick, broken], quick.plan, None)
    assert "auto finds no hop" in advice(found), "no row bears its name"
    scores = {studio.plan: 6.0, slow.plan: 5.8, quick.plan: 5.7}
    assert advice(replace(found, scores=scores)).startswith("Take plan b: 300.0 ms, 0.30 dB below studio")
    assert "within 0.5 dB" in advice(replace(found, scores=scores | {quick.plan: 5.0}))
    poor = scores | {slow.plan: 5.2, quick.plan: 5.0}
    assert "plan a is nearest: 400.0 ms, 0.80 dB" in advice(replace(found, scores=poor))
    assert advice(Tuning("m", BLOCK, [broken], None, None)).startswith("No plan holds here")


def test_the_advice_says_if_auto_lives_in_the_past() -> None:
    old, new = row("auto", 4_096, 0.4), row("live", 2_048, 0.3)
    assert "92.9 ms that it chose before" in advice(Tuning("m", BLOCK, [old, new], new.plan, old.plan))
    assert "declared at 400.0 ms" in advice(Tuning("m", BLOCK, [old, new], old.plan, old.plan))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """What a copying network makes of it is known: the mixture in the stem's place."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 44_100))
    soundfile.write(tmp_path / "mixture.wav", noise.sum(axis=0, keepdims=True).repeat(2, axis=0).T / 2, 44_100)
    soundfile.write(tmp_path / f"{STEM}.wav", noise[:1].repeat(2, axis=0).T / 2, 44_100)
    return tmp_path


def test_a_song_scores_what_the_network_makes_of_it(song: Path) -> None:
    write_model(song)
    model = find(NAME, [song])
    copied = read_song(song, model.manifest.stems)
    found = score(copied, model, model.open(EngineOptions()), model.manifest.live.window())
    assert found == pytest.approx(0.0, abs=0.1), "the error is a noise as loud as the stem"
    assert copied.first(0.5).mixture.shape == (2, 22_050)
    silent = {"silent": np.zeros_like(copied.mixture)}
    beside = replace(copied, stems={**copied.stems, **silent})
    assert score(beside, model, model.open(EngineOptions()), model.manifest.live.window()) == found
    with pytest.raises(ConfigError, match="no SDR"):
        score(replace(copied, stems=silent), model, model.open(EngineOptions()), model.manifest.live.window())
    with pytest.raises(ConfigError, match="none of the stems"):
        read_song(song, ("drums",))


def test_the_command_tells_it_all(song: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(song)
    file = song / "stemd.toml"
    hop = 'plan = ""\n[plans.long]\nsegment = 8820\nhop = 4410\noverlap = 0\nlookahead = 882\n'
    file.write_text(hop + config(song, 4))
    assert main(["tune", "--config", str(file), "--json", "--song", str(song)]) == 0
    told = json.loads(capsys.readouterr().out)
    by_name = {name: plan for plan in told["plans"] for name in plan["names"]}
    assert {"studio", "live", "long", "auto"} <= set(by_name)
    for plan in by_name.values():
        assert plan["holds"] == bool(plan["latency"]) == (plan["refusal"] is None)
        assert plan["loss"] == pytest.approx(0.0, abs=1e-6), "a copy is a copy by any plan"
    assert main(["tune", "--config", str(file), "--model", NAME]) == 0
    screen = capsys.readouterr().out
    assert "44.1 kHz" in screen
    assert told["model"] == NAME
    assert screen.strip().splitlines()[-1].endswith(".")
