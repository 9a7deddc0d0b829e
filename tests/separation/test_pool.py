"""The contract of the pool, on threads; processes will have to keep the same."""

import hashlib
import threading
import time
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from stemd.dsp.plan import Span, WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation import manifest as manifests
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.pool import Estimate, Lane, NetworkId
from stemd.separation.store import Model, find
from stemd.separation.threads import ThreadPool, Worker, _enough
from tests.networks import noise

FRAMES = 512
PLAN = WindowPlan(FRAMES, FRAMES, 0, 0)


def copying_model(folder: Path, *, stems: int = 1) -> Model:
    """A real graph, `waveform`, that gives its input back as each stem."""
    shape = [1, 2, FRAMES]
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Unsqueeze", ["mix", "axis"], ["one"]),
        helper.make_node("Concat", ["one"] * stems, ["stems"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "copy",
        [value("mix", TensorProto.FLOAT, shape)],
        [value("stems", TensorProto.FLOAT, [1, stems, 2, FRAMES])],
        [helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    )
    path = folder / "copy.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    shipped = find("spleeter-vocals").manifest
    row = manifests.PlanRow(segment=FRAMES, hop=FRAMES, overlap=0, lookahead=0)
    entry = manifests.SpecialistEntry(
        stems=tuple(f"s{i}" for i in range(stems)),
        file="copy.onnx",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    manifest = manifests.Manifest(
        name="copy",
        version="1",
        kind="waveform",
        sample_rate=44_100,
        specialists=(entry,),
        segments=manifests.Segments(exact=(FRAMES,)),
        live=row,
        studio=row,
        licence=shipped.licence,
        origin=shipped.origin,
        parity=shipped.parity,
    )
    return Model(folder, manifest)


def segment(seed: int = 0, frames: int = FRAMES) -> Segment:
    return Segment(Span(0, 0, slice(100, 400)), noise(frames, seed=seed), None)


@pytest.fixture
def pool() -> ThreadPool:
    made = ThreadPool(EngineOptions())
    yield made
    made.close()


@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize("stems", [1, 3])
def test_a_segment_comes_back_as_its_trusted_frames(pool: ThreadPool, tmp_path: Path, lane: Lane, stems: int) -> None:
    pool.load(copying_model(tmp_path, stems=stems))
    given = segment()
    estimate = pool.submit(NetworkId("copy", 0), given, lane, 0).result(10)
    assert np.array_equal(estimate.stems, np.stack([given.mixture[:, 100:400]] * stems))
    assert estimate.seconds > 0


def test_what_a_network_raises_stays_with_its_segment(pool: ThreadPool, tmp_path: Path) -> None:
    pool.load(copying_model(tmp_path))
    futures = [pool.submit(NetworkId("copy", 0), segment(n, FRAMES - (n == 2)), Lane.FREE, n) for n in range(5)]
    for n, future in enumerate(futures):
        if n == 2:
            with pytest.raises(InferenceError, match="network failed"):
                future.result(10)
        else:
            assert np.array_equal(future.result(10).stems[0], segment(n).mixture[:, 100:400])


def test_a_model_that_cannot_be_loaded_leaves_the_workers_as_they_were(pool: ThreadPool, tmp_path: Path) -> None:
    good = copying_model(tmp_path)
    (tmp_path / "copy.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelLoadError, match=r"copy\.onnx"):
        pool.load(good)
    pool.load(copying_model(tmp_path))
    assert pool.submit(NetworkId("copy", 0), segment(), Lane.FREE, 0).result(10)


def test_the_earliest_deadline_runs_first_and_cancelled_jobs_never() -> None:
    worker, gate, ran = Worker(Lane.REALTIME, EngineOptions()), threading.Event(), []
    try:
        first = worker.call(gate.wait)
        futures = {deadline: worker.call(lambda d=deadline: ran.append(d), deadline) for deadline in (30, 10, 40, 20)}
        assert futures[40].cancel()
        gate.set()
        first.result(10)
        for deadline, future in futures.items():
            if deadline != 40:
                future.result(10)
        assert ran == [10, 20, 30]
    finally:
        worker.close()


def test_closing_drops_what_waits_and_refuses_more() -> None:
    worker, gate = Worker(Lane.FREE, EngineOptions()), threading.Event()
    running = worker.call(gate.wait)
    waiting: Future[None] = worker.call(lambda: None, 5)
    threading.Timer(0.05, gate.set).start()
    worker.close()
    assert running.done()
    assert waiting.cancelled()
    with pytest.raises(InferenceError, match="closed"):
        worker.call(lambda: None)


def test_lanes_do_not_wait_for_each_other(pool: ThreadPool) -> None:
    gate = threading.Event()
    slow = pool._workers[Lane.FREE].call(gate.wait)
    assert pool._workers[Lane.REALTIME].call(lambda: "at once").result(10) == "at once"
    gate.set()
    slow.result(10)


@pytest.mark.parametrize(
    ("seconds", "enough"),
    [
        ([0.01] * 7, False),
        ([0.04] * 8, True),
        ([0.001] * 99, False),
        ([0.001] * 100, True),
        ([3.1], False),
        ([1.0, 1.0], False),
        ([1.6, 1.6], True),
    ],
)
def test_a_network_that_takes_seconds_is_timed_less_often(seconds: list[float], enough: bool) -> None:
    assert _enough(seconds) is enough


def test_only_the_specialists_asked_for_are_measured(pool: ThreadPool, tmp_path: Path) -> None:
    model = copying_model(tmp_path)
    pool.load(model)
    assert pool.measure(model, PLAN, Lane.FREE, []) == []


def test_measuring_gives_a_time_for_each_specialist(pool: ThreadPool, tmp_path: Path) -> None:
    model = copying_model(tmp_path)
    pool.load(model)
    (timing,) = pool.measure(model, PLAN, Lane.REALTIME, [0])
    assert 0 < timing.median <= timing.p99
    assert isinstance(pool.submit(NetworkId("copy", 0), segment(), Lane.FREE, 0).result(10), Estimate)


def test_of_those_with_one_deadline_the_least_rank_runs_first() -> None:
    worker, gate, ran = Worker(Lane.REALTIME, EngineOptions()), threading.Event(), []
    try:
        worker.call(gate.wait)
        jobs = [(20, 0), (10, 2), (10, 0), (10, 1)]
        futures = [worker.call(lambda job=job: ran.append(job), *job) for job in jobs]
        gate.set()
        for future in futures:
            future.result(10)
        assert ran == [(10, 0), (10, 1), (10, 2), (20, 0)]
    finally:
        worker.close()


class Known:
    """A fake network that takes no time, and an experience that says that it takes a second."""

    stems = ("s0",)

    def __init__(self, pool: ThreadPool) -> None:
        for worker in pool._workers.values():
            worker.networks["known"] = [self]
        for _ in range(5):
            pool._experience.note((NetworkId("known", 0), FRAMES), 0, 1.0)

    def run(self, given: Segment) -> np.ndarray:
        return given.mixture[np.newaxis, :, given.span.trusted]


@pytest.mark.parametrize(
    ("lane", "seconds", "runs"),
    [
        (Lane.REALTIME, 0.5, False),
        (Lane.REALTIME, -1.0, False),
        (Lane.REALTIME, 60.0, True),
        (Lane.FREE, -1.0, True),
    ],
)
def test_what_would_be_late_by_past_experience_is_cancelled(
    pool: ThreadPool, lane: Lane, seconds: float, runs: bool
) -> None:
    Known(pool)
    deadline = time.monotonic_ns() + round(seconds * 1e9)
    future = pool.submit(NetworkId("known", 0), segment(), lane, deadline)
    if runs:
        assert future.result(10).stems.shape == (1, 2, 300)
    else:
        with pytest.raises(CancelledError):
            future.result(10)


def test_what_was_cancelled_is_retried_before_long(pool: ThreadPool) -> None:
    Known(pool)
    ran = []
    for _ in range(20):
        future = pool.submit(NetworkId("known", 0), segment(), Lane.REALTIME, time.monotonic_ns() + 500_000_000)
        with suppress(CancelledError):
            ran.append(future.result(10))
    assert 10 <= len(ran) < 20, "and once it went well, it is what counts"
