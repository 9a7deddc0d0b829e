"""`auto`: the faster engine, timed once in a process, and let go of what lost."""

import gc
import itertools
import logging
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.errors import ConfigError, InferenceError, ModelLoadError
from stemd.separation import choosing
from stemd.separation.choosing import race
from stemd.separation.engines import ENGINES
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.pool import Lane, NetworkId
from stemd.separation.store import Model
from stemd.separation.threads import ThreadPool
from tests.graphs import copying_model, segment

AUTO = EngineOptions(name="auto")


class FakeNetwork:
    """Copies, after the time that it was told to take; a fake, as two real engines differ by too little here."""

    inputs, outputs, placement = ("mix",), ("stems",), {"nowhere": 1}

    def __init__(self, engine: str, seconds: float) -> None:
        self.engine, self.seconds = engine, seconds

    def run(self, *values: Float32Array) -> list[Float32Array]:
        time.sleep(self.seconds)
        if self.seconds < 0.001:
            raise InferenceError("the network failed: too hasty")
        return [values[0][:, np.newaxis]]


class FakeEngine:
    """Loads fake networks."""

    def __init__(self, name: str, seconds: float, obstacle: str | None = None) -> None:
        self.name, self.seconds, self.reason = name, seconds, obstacle
        self.loaded: list[weakref.ref[FakeNetwork]] = []
        self.threads: list[str] = []

    def obstacle(self) -> str | None:
        return self.reason

    def devices(self) -> tuple[str, ...]:
        return ("nowhere",)

    def load(self, path: Path, options: EngineOptions) -> FakeNetwork:
        network = FakeNetwork(self.name, self.seconds)
        self.loaded.append(weakref.ref(network))
        self.threads.append(threading.current_thread().name)
        return network

    def alive(self) -> int:
        gc.collect()
        return sum(network() is not None for network in self.loaded)


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(choosing, "_SECONDS", 0.05)
    choosing._chosen.clear()
    yield
    choosing._chosen.clear()


def engines(monkeypatch: pytest.MonkeyPatch, *fakes: FakeEngine) -> None:
    for name in list(ENGINES):
        monkeypatch.delitem(ENGINES, name)
    for fake in fakes:
        monkeypatch.setitem(ENGINES, fake.name, fake)


@pytest.mark.parametrize("order", [1, -1])
def test_auto_takes_the_faster_one_and_says_by_how_much(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, order: int
) -> None:
    fast, slow = FakeEngine("fast", 0.004), FakeEngine("slow", 0.02)
    engines(monkeypatch, *(fast, slow)[::order])
    with caplog.at_level(logging.INFO, "stemd"):
        assert copying_model(tmp_path).engine(AUTO) == "fast"
    [line] = [record.message for record in caplog.records]
    assert line.startswith("copy: fast runs it, ")
    assert 2 < float(line.split()[4]) < 6
    assert line.endswith("times as fast as slow")


def test_a_pool_times_each_engine_once_and_keeps_the_faster_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fast, slow = FakeEngine("fast", 0.004), FakeEngine("slow", 0.02)
    engines(monkeypatch, fast, slow)
    pool = ThreadPool(AUTO)
    try:
        model = copying_model(tmp_path)
        pool.load(model)
        given = segment()
        estimate = pool.submit(NetworkId(model.manifest.key, 0), given, Lane.FREE, 0).result(10)
    finally:
        pool.close()
    assert np.array_equal(estimate.stems[0], given.mixture[:, 100:400])
    assert len(slow.loaded) == 1
    assert slow.alive() == 0
    assert len(fast.loaded) == 1 + len(Lane)


def test_no_stream_waits_for_a_choice_or_a_load_and_the_realtime_lane_is_served_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake, slow = FakeEngine("fake", 0.002), FakeEngine("slow", 0.01)
    engines(monkeypatch, fake, slow)
    model = copying_model(tmp_path)
    pool = ThreadPool(AUTO)
    try:
        pool.load(model)
        here = threading.current_thread().name
        assert fake.threads == ["stemd-realtime", here, "stemd-free"]
        choosing._chosen.clear()
        pool.load(Model(model.folder, msgspec.structs.replace(model.manifest, name="later")))
        assert fake.threads[3:] == ["stemd-free", here, "stemd-free"]
    finally:
        pool.close()


def test_a_choice_holds_for_the_same_graphs_and_options_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fast, slow = FakeEngine("fast", 0.004), FakeEngine("slow", 0.02)
    engines(monkeypatch, fast, slow)
    model = copying_model(tmp_path)
    for _ in range(3):
        model.engine(AUTO)
    assert len(slow.loaded) == 1
    model.engine(replace(AUTO, threads=2))
    assert len(slow.loaded) == 2


def test_an_engine_that_fails_or_is_not_there_does_not_stop_auto(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hasty, absent, works = FakeEngine("hasty", 0), FakeEngine("absent", 0.002, "not here"), FakeEngine("works", 0.002)
    engines(monkeypatch, hasty, absent, works)
    assert copying_model(tmp_path).engine(AUTO) == "works"
    assert "copy is not run by hasty: the network failed: too hasty" in caplog.text
    assert not absent.loaded


def test_auto_without_any_engine_says_what_stands_in_the_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engines(monkeypatch, FakeEngine("a", 0.002, "a: pip install a"), FakeEngine("b", 0.002, "b: pip install b"))
    with pytest.raises(ModelLoadError, match=r"a: pip install a; b: pip install b"):
        copying_model(tmp_path).engine(AUTO)
    engines(monkeypatch, FakeEngine("hasty", 0), FakeEngine("hastier", 0))
    with pytest.raises(ModelLoadError, match=r"no engine runs 'copy': hasty: .*hastier: "):
        copying_model(tmp_path).engine(AUTO)


def test_the_only_engine_is_not_timed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only = FakeEngine("only", 0.002)
    engines(monkeypatch, only, FakeEngine("absent", 0.002, "not here"))
    assert copying_model(tmp_path).engine(AUTO) == "only"
    assert not only.loaded


def test_an_engine_by_name_is_taken_for_all_or_for_one_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engines(monkeypatch, FakeEngine("one", 0.002), FakeEngine("other", 0.002), FakeEngine("gone", 0, "pip install it"))
    model = copying_model(tmp_path)
    assert model.engine(EngineOptions(name="other")) == "other"
    assert model.engine(EngineOptions(name="other", models={"copy": "one", "else": "gone"})) == "one"
    with pytest.raises(ModelLoadError, match="pip install it"):
        model.engine(EngineOptions(name="gone"))
    with pytest.raises(ConfigError, match="did you mean 'other'"):
        model.engine(EngineOptions(name="othr"))


def test_calls_race_back_and_forth_and_the_median_counts() -> None:
    ran, turns, now = [], itertools.count(), [0.0]

    def call(name: str, seconds: float) -> None:
        ran.append(name)
        # One turn in which the machine did something else.
        now[0] += 9 if name == "a" and next(turns) == 1 else seconds

    seconds = race({"a": lambda: call("a", 0.1), "b": lambda: call("b", 0.2)}, clock=lambda: now[0])
    assert ran[:6] == ["a", "b", "b", "a", "a", "b"]
    assert seconds == pytest.approx({"a": 0.1, "b": 0.2})
