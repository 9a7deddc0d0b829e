"""The contract of the pool, on threads and on processes, with real graphs."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path

import numpy as np
import pytest

from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.patience import Patience
from stemd.separation.pool import Estimate, Lane, NetworkId, Pool
from stemd.separation.processes import ProcessPool
from stemd.separation.store import Model, find
from stemd.separation.threads import ThreadPool
from stemd.separation.timing import enough
from stemd.separation.trial import trial
from stemd.separation.workers import WorkerPool
from tests.graphs import FAILS, FRAMES, HANGS, PLAN, busy, copied, copying_model, segment, unruly_model
from tests.waiting import wait_until

KINDS: dict[str, Callable[[EngineOptions, Patience], WorkerPool]] = {"threads": ThreadPool, "processes": ProcessPool}
IMPATIENT = Patience(due=0.5, free=0.5)  # for runs that hang: nothing that any other run could reach
FAR = 60_000_000_000  # ns; a deadline that any run keeps


@pytest.fixture(scope="module")
def made() -> Iterator[Callable[[str, Patience], WorkerPool]]:
    """Gives the module's pools, each made once: to start processes takes a while."""
    pools: dict[tuple[str, Patience], WorkerPool] = {}

    def give(kind: str, patience: Patience) -> WorkerPool:
        key = kind, patience
        if key not in pools:
            pools[key] = KINDS[kind](EngineOptions(), patience)
        return pools[key]

    yield give
    for pool in pools.values():
        pool.close()


def emptied(pool: WorkerPool) -> Iterator[WorkerPool]:
    yield pool
    for key in {key for crew in pool.crews.values() for key in crew.loading.models}:
        pool.unload(key)


@pytest.fixture(params=KINDS)
def pool(request: pytest.FixtureRequest, made: Callable[[str, Patience], WorkerPool]) -> Iterator[WorkerPool]:
    """A pool without models."""
    yield from emptied(made(request.param, Patience()))


@pytest.fixture(params=KINDS)
def impatient(request: pytest.FixtureRequest, made: Callable[[str, Patience], WorkerPool]) -> Iterator[WorkerPool]:
    """One that takes a run for hung soon."""
    yield from emptied(made(request.param, IMPATIENT))


@pytest.fixture(params=KINDS)
def own(request: pytest.FixtureRequest) -> Iterator[WorkerPool]:
    """One that a test may close."""
    made = KINDS[request.param](EngineOptions(), Patience())
    yield made
    made.close()


def network(model: Model) -> NetworkId:
    return NetworkId(model.manifest.key, 0)


def soon(nanoseconds: int = FAR) -> int:
    return time.monotonic_ns() + nanoseconds


def loaded(pool: Pool, model: Model) -> Model:
    pool.load(model)
    return model


@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize("stems", [1, 3])
def test_a_segment_comes_back_as_its_trusted_frames(pool: Pool, tmp_path: Path, lane: Lane, stems: int) -> None:
    model = loaded(pool, copying_model(tmp_path, stems=stems))
    given = segment()
    estimate = pool.submit(network(model), given, lane, soon()).result(20)
    assert np.array_equal(estimate.stems, np.repeat(copied(given), stems, axis=0))
    assert estimate.seconds > 0


def test_a_spectrum_reaches_the_network_and_long_segments_do_as_well_as_short_ones(pool: Pool) -> None:
    model = loaded(pool, find("spleeter-vocals"))
    [specialist] = model.open(EngineOptions())
    plans = [row.window() for row in model.manifest.plans.values()]
    assert len({plan.segment for plan in plans}) > 1
    for plan in sorted(plans, key=lambda plan: -plan.segment):
        given = trial(plan, spectral=True)
        estimate = pool.submit(network(model), given, Lane.FREE, 0).result(40)
        assert np.array_equal(estimate.stems, specialist.run(given)), plan


def test_what_was_given_back_is_not_written_over_by_what_follows(pool: Pool, tmp_path: Path) -> None:
    model = loaded(pool, copying_model(tmp_path))
    given = [segment(n) for n in range(5)]
    estimates = [pool.submit(network(model), each, Lane.REALTIME, soon()).result(20) for each in given]
    for each, estimate in zip(given, estimates, strict=True):
        assert np.array_equal(estimate.stems, copied(each))


def test_what_a_network_raises_stays_with_its_segment(pool: Pool, tmp_path: Path) -> None:
    model = loaded(pool, unruly_model(tmp_path))
    wrong = {1: segment(1, FRAMES - 1), 3: segment(3, first=FAILS)}
    given = {n: wrong.get(n, segment(n)) for n in range(5)}
    futures = {n: pool.submit(network(model), each, Lane.FREE, n) for n, each in given.items()}
    for n, future in futures.items():
        if n in wrong:
            with pytest.raises(InferenceError, match="network failed"):
                future.result(20)
        else:
            assert np.array_equal(future.result(20).stems, copied(given[n]))


@pytest.mark.parametrize("damage", [b"not a graph", None])
def test_a_model_that_cannot_be_loaded_leaves_the_workers_as_they_were(
    pool: Pool, tmp_path: Path, damage: bytes | None
) -> None:
    other = loaded(pool, copying_model(tmp_path, name="other"))
    good = copying_model(tmp_path)
    file = tmp_path / "copy.onnx"
    file.write_bytes(damage) if damage else file.unlink()
    with pytest.raises(ModelLoadError, match=r"copy\.onnx"):
        pool.load(good)
    with pytest.raises(InferenceError, match="not loaded"):
        pool.submit(network(good), segment(), Lane.FREE, 0).result(20)
    for model in (other, loaded(pool, copying_model(tmp_path))):
        for lane in Lane:
            assert pool.submit(network(model), segment(), lane, soon()).result(20)


def test_two_editions_of_a_model_are_there_at_once_and_each_can_be_let_go_of(pool: Pool, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = (loaded(pool, copying_model(folder, stems=stems)) for folder, stems in zip(folders, (1, 2), strict=True))
    assert one.manifest.name == two.manifest.name
    for model, stems in ((one, 1), (two, 2)):
        assert len(pool.submit(network(model), segment(), Lane.REALTIME, soon()).result(20).stems) == stems
    pool.load(one)  # once more: nothing happens
    pool.unload(one.manifest.key)
    pool.unload(one.manifest.key)
    for lane in Lane:
        with pytest.raises(InferenceError, match="not loaded"):
            pool.submit(network(one), segment(), lane, soon()).result(20)
        assert len(pool.submit(network(two), segment(), lane, soon()).result(20).stems) == 2


class Gate:
    """A run that goes on until it is let go, by which everything else in its lane has been queued."""

    def __init__(self, pool: WorkerPool, model: Model, lane: Lane = Lane.FREE, deadline: int = 0) -> None:
        self.future: Future[Estimate] = pool.submit(network(model), segment(first=HANGS), lane, deadline)
        self._crew = pool.crews[lane]
        wait_until(lambda: pool.health()[lane].oldest > 0, "it runs")

    def open(self) -> None:
        """Let it end, which it does with an error."""
        for seat in self._crew.seats:
            if seat.run and seat.worker:
                seat.worker.interrupt()
        with pytest.raises(InferenceError):
            self.future.result(20)


def test_the_earliest_deadline_runs_first_then_the_least_rank_and_cancelled_jobs_never(
    pool: WorkerPool, tmp_path: Path
) -> None:
    model, ran = loaded(pool, unruly_model(tmp_path)), []
    gate = Gate(pool, model)
    jobs = [(30, 0), (10, 2), (40, 0), (10, 0), (20, 0), (10, 1)]
    futures = {job: pool.submit(network(model), segment(), Lane.FREE, *job) for job in jobs}
    for job, future in futures.items():
        future.add_done_callback(lambda done, job=job: None if done.cancelled() else ran.append(job))
    assert futures.pop((40, 0)).cancel()
    gate.open()
    for future in futures.values():
        future.result(20)
    assert ran == [(10, 0), (10, 1), (10, 2), (20, 0), (30, 0)]


def test_lanes_do_not_wait_for_each_other(pool: WorkerPool, tmp_path: Path) -> None:
    model = loaded(pool, unruly_model(tmp_path))
    gate = Gate(pool, model)
    assert pool.submit(network(model), segment(), Lane.REALTIME, soon()).result(20)
    assert not gate.future.done()
    gate.open()


def test_closing_drops_what_waits_ends_what_runs_and_refuses_more(own: WorkerPool, tmp_path: Path) -> None:
    model = loaded(own, unruly_model(tmp_path))
    gate = Gate(own, model)
    waiting = own.submit(network(model), segment(), Lane.FREE, 5)
    own.close()
    assert waiting.cancelled()
    with pytest.raises(InferenceError):
        gate.future.result(0)
    with pytest.raises(InferenceError, match="closed"):
        own.submit(network(model), segment(), Lane.FREE, 0)
    with pytest.raises(ModelLoadError):
        own.load(copying_model(tmp_path))
    own.close()


@pytest.mark.slow
def test_closing_ends_a_measurement_with_a_named_error(own: WorkerPool, tmp_path: Path) -> None:
    model, faults = loaded(own, unruly_model(tmp_path)), []
    gate = Gate(own, model)

    def measure() -> None:
        try:
            own.measure(model, PLAN, Lane.FREE, [0])
        except InferenceError as exc:
            faults.append(exc)

    thread = threading.Thread(target=measure)
    thread.start()
    wait_until(lambda: own.health()[Lane.FREE].waiting, "the measurement waits")
    own.close()
    thread.join(20)
    assert len(faults) == 1
    assert gate.future.done()


def test_measuring_gives_a_time_for_each_specialist_asked_for(pool: Pool, tmp_path: Path) -> None:
    model = loaded(pool, copying_model(tmp_path))
    assert pool.measure(model, PLAN, Lane.FREE, []) == []
    for lane in Lane:
        (timing,) = pool.measure(model, PLAN, lane, [0])
        assert 0 < timing.median <= timing.p99
    assert pool.submit(network(model), segment(), Lane.FREE, 0).result(20)


def test_measuring_takes_its_turn_in_a_free_lane_that_is_never_empty(pool: Pool, tmp_path: Path) -> None:
    model = loaded(pool, copying_model(tmp_path))
    over = threading.Event()

    def go_on(_: object = None) -> None:
        if not over.is_set():
            pool.submit(network(model), segment(), Lane.FREE, soon(0)).add_done_callback(go_on)

    for _ in range(4):
        go_on()
    try:
        assert pool.measure(model, PLAN, Lane.FREE, [0])
    finally:
        over.set()


@pytest.mark.slow
def test_a_network_that_hangs_while_it_is_measured_is_given_up(impatient: Pool, tmp_path: Path) -> None:
    model = loaded(impatient, unruly_model(tmp_path, calm=-HANGS))
    for lane in Lane:
        with pytest.raises(InferenceError, match="took longer"):
            impatient.measure(model, PLAN, lane, [0])


@pytest.mark.parametrize(
    ("lane", "seconds", "runs"),
    [
        (Lane.REALTIME, 0.02, False),
        (Lane.REALTIME, -1.0, False),
        (Lane.REALTIME, 60.0, True),
        (Lane.FREE, -1.0, True),
    ],
)
def test_what_would_be_late_by_past_experience_is_cancelled(
    pool: Pool, tmp_path: Path, lane: Lane, seconds: float, runs: bool
) -> None:
    model, given = loaded(pool, unruly_model(tmp_path)), busy(0.1)
    for _ in range(3):
        assert pool.submit(network(model), given, lane, soon()).result(20).seconds > 0.03
    future = pool.submit(network(model), given, lane, soon(round(seconds * 1e9)))
    if runs:
        assert future.result(20).stems.shape == (1, 2, 300)
    else:
        with pytest.raises(CancelledError):
            future.result(20)


@pytest.mark.parametrize("lane", Lane)
def test_a_run_that_hangs_costs_itself_alone(impatient: WorkerPool, tmp_path: Path, lane: Lane) -> None:
    model = loaded(impatient, unruly_model(tmp_path))
    given: list[Segment] = [segment(n) for n in range(3)]
    for each in given:
        impatient.submit(network(model), each, lane, soon()).result(20)
    before = impatient.health()[lane]
    stuck = impatient.submit(network(model), segment(first=HANGS), lane, soon(300_000_000))
    futures = [impatient.submit(network(model), each, lane, soon()) for each in given]
    for each, future in zip(given, futures, strict=True):
        assert np.array_equal(future.result(20).stems, copied(each))
    with pytest.raises((InferenceError, CancelledError)):
        stuck.result(20)
    after = wait_until(lambda: not impatient.health()[lane].oldest and impatient.health()[lane], "nothing runs")
    assert after.hung == before.hung + 1
    assert (after.lost, after.restarts) == (before.lost, before.restarts), "it ended when it was told to"
    assert after.answers


def test_others_do_not_miss_their_deadline_for_a_run_that_hangs_and_is_not_overdue(
    pool: WorkerPool, tmp_path: Path
) -> None:
    model = loaded(pool, unruly_model(tmp_path))
    assert pool.submit(network(model), segment(), Lane.REALTIME, soon()).result(20)
    deadline = soon(2_000_000_000)
    gate = Gate(pool, model, Lane.REALTIME, deadline - 1)
    assert pool.submit(network(model), segment(), Lane.REALTIME, deadline).result(20)
    assert time.monotonic_ns() < deadline + 1_000_000_000, "it waited until the other was taken for hung"
    gate.open()


def test_health_tells_what_waits_and_for_how_long_something_has_run(pool: WorkerPool, tmp_path: Path) -> None:
    model = loaded(pool, unruly_model(tmp_path))
    idle = pool.health()
    assert {lane: (health.waiting, health.oldest, health.answers) for lane, health in idle.items()} == dict.fromkeys(
        Lane, (0, 0.0, True)
    )
    gate = Gate(pool, model)
    waiting = [pool.submit(network(model), segment(n), Lane.FREE, n) for n in range(3)]
    first = pool.health()[Lane.FREE]
    assert first.waiting == 3
    wait_until(lambda: pool.health()[Lane.FREE].oldest > first.oldest > 0, "time passes")
    assert pool.health()[Lane.REALTIME].oldest == 0
    gate.open()
    for future in waiting:
        future.result(20)
    wait_until(lambda: pool.health()[Lane.FREE].oldest == 0, "nothing runs")


@pytest.mark.parametrize(
    ("seconds", "told"),
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
def test_a_network_that_takes_seconds_is_timed_less_often(seconds: list[float], told: bool) -> None:
    assert enough(seconds) is told
