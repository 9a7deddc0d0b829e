"""Threads that hang. The networks that do not even end when they are told to are fakes; nothing real could be ended."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.patience import Patience
from stemd.separation.pool import Lane, NetworkId
from stemd.separation.threads import NICENESS, ThreadPool, ThreadWorker
from tests.graphs import FRAMES, copied, copying_model, segment
from tests.separation.test_pool import network, soon
from tests.waiting import wait_until

PATIENCE = Patience(due=0.1, free=0.1)


class Deaf:
    """A fake: runs until the test lets it go, whatever it is told."""

    stems = ("s0",)

    def __init__(self) -> None:
        self.gate, self.told = threading.Event(), threading.Event()
        self.niceness: int | None = None

    def run(self, given: Segment) -> Float32Array:
        self.niceness = os.nice(0)
        self.gate.wait(60)
        return copied(given)

    def terminate(self) -> None:
        self.told.set()


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    made = ThreadPool(EngineOptions(), PATIENCE)
    yield made
    made.close()


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    made = Deaf()
    yield made
    made.gate.set()


def put(pool: ThreadPool, lane: Lane, fake: Deaf) -> NetworkId:
    """Put a fake in the place of a lane's network."""
    seat = pool.crews[lane].seats[-1]
    wait_until(lambda: seat.ready, "its worker is ready")
    assert isinstance(seat.worker, ThreadWorker)
    seat.worker.loaded["fake"] = [fake]
    return NetworkId("fake", 0)


@pytest.mark.parametrize("lane", Lane)
def test_a_thread_that_does_not_end_is_left_behind_and_another_takes_over(
    pool: ThreadPool, deaf: Deaf, tmp_path: Path, lane: Lane
) -> None:
    model = copying_model(tmp_path)
    pool.load(model)
    fake = put(pool, lane, deaf)
    stuck = pool.submit(fake, segment(), lane, soon())
    behind = pool.submit(network(model), segment(1), lane, soon() + 1)
    with pytest.raises(InferenceError, match="given up"):
        stuck.result(20)
    assert deaf.told.is_set()
    assert np.array_equal(behind.result(20).stems, copied(segment(1)))
    health = pool.health()[lane]
    assert (health.hung, health.restarts, health.answers) == (1, 1, True)
    deaf.gate.set()
    wait_until(lambda: not any(seat.thread.is_alive() for seat in pool.crews[lane].seats if seat.gone), "it ends")
    assert pool.submit(network(model), segment(2), lane, soon()).result(20)


@pytest.mark.slow
def test_after_two_the_pool_says_that_it_is_broken(
    pool: ThreadPool, deaf: Deaf, caplog: pytest.LogCaptureFixture
) -> None:
    for lane, answers in ((Lane.REALTIME, True), (Lane.FREE, True), (Lane.REALTIME, False)):
        with pytest.raises(InferenceError, match="given up"):
            pool.submit(put(pool, lane, deaf), segment(), lane, soon()).result(20)
        assert pool.health()[lane].answers is answers
    assert pool.health()[Lane.FREE].answers
    assert "only a restart helps" in caplog.text


@pytest.mark.slow
def test_a_pool_with_a_hung_thread_is_closed_within_seconds(deaf: Deaf) -> None:
    pool = ThreadPool(EngineOptions())
    stuck = pool.submit(put(pool, Lane.FREE, deaf), segment(), Lane.FREE, 0)
    wait_until(stuck.running, "it runs")
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 15
    with pytest.raises(InferenceError, match="closed"):
        stuck.result(0)


def test_a_stop_of_the_whole_machine_is_no_runs_fault(pool: ThreadPool, deaf: Deaf) -> None:
    """The watcher sleeps for longer than it meant to, here because somebody has the lock."""
    stuck = pool.submit(put(pool, Lane.FREE, deaf), segment(), Lane.FREE, 0)
    crew = pool.crews[Lane.FREE]
    wait_until(stuck.running, "it runs")
    with crew.lock:
        began = crew.seats[0].run.began
        time.sleep(0.4)  # what is slept through
    wait_until(lambda: crew.seats[0].run is None or crew.seats[0].run.began > began + 0.1, "it is forgiven")
    deaf.gate.set()
    assert stuck.result(20)


def test_a_model_is_loaded_while_the_realtime_lane_runs(deaf: Deaf, tmp_path: Path) -> None:
    pool = ThreadPool(EngineOptions())
    try:
        pool.load(copying_model(tmp_path, name="before"))
        running = pool.submit(put(pool, Lane.REALTIME, deaf), segment(), Lane.REALTIME, soon())
        wait_until(running.running, "it runs")
        model = copying_model(tmp_path)
        pool.load(model)
        assert not running.done()
        deaf.gate.set()
        assert pool.submit(network(model), segment(), Lane.REALTIME, soon()).result(20)
    finally:
        deaf.gate.set()
        pool.close()


class Known(Deaf):
    """A fake network that takes no time, and an experience that says that it takes a second."""

    def __init__(self, pool: ThreadPool) -> None:
        super().__init__()
        self.gate.set()
        put(pool, Lane.REALTIME, self)
        for _ in range(5):
            pool.crews[Lane.REALTIME]._experience.note((NetworkId("fake", 0), FRAMES), 0, 1.0)


def test_what_was_cancelled_is_retried_before_long(pool: ThreadPool) -> None:
    Known(pool)
    ran = []
    for _ in range(20):
        future = pool.submit(NetworkId("fake", 0), segment(), Lane.REALTIME, soon(500_000_000))
        with suppress(CancelledError):
            ran.append(future.result(10))
    assert 10 <= len(ran) < 20, "and once it went well, it is what counts"


def test_a_lane_that_is_full_refuses_and_says_so(pool: ThreadPool, deaf: Deaf) -> None:
    waiting = pool.crews[Lane.FREE].waiting
    waiting._capacity = 2
    fake = put(pool, Lane.FREE, deaf)
    running = pool.submit(fake, segment(), Lane.FREE, 0)
    wait_until(running.running, "it runs")
    futures = [pool.submit(fake, segment(), Lane.FREE, n) for n in range(3)]
    with pytest.raises(InferenceError, match="2 segments wait already in the free lane"):
        futures[2].result(0)
    deaf.gate.set()
    assert all(future.result(20) for future in futures[:2])


@pytest.mark.parametrize(("lane", "less"), [(Lane.REALTIME, 0), (Lane.FREE, NICENESS)])
def test_free_streams_get_less_than_realtime_ones_counted_from_what_the_daemon_itself_has(
    pool: ThreadPool, deaf: Deaf, lane: Lane, less: int
) -> None:
    deaf.gate.set()
    fake = put(pool, lane, deaf)
    pool.submit(fake, segment(), lane, soon()).result(20)
    assert deaf.niceness == min(os.nice(0) + less, 19)
