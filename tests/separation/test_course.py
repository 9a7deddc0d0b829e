"""When a run began and ended, and its network within it: on threads and on processes, with real graphs."""

import time
from collections.abc import Iterator
from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.errors import InferenceError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.pool import Course, Lane, NetworkId, Pool
from stemd.separation.processes import ProcessPool
from stemd.separation.stopwatch import Stopwatch
from stemd.separation.store import Model, find
from stemd.separation.threads import ThreadPool
from stemd.separation.trial import trial
from tests.graphs import FAILS, busy, segment, unruly_model

KINDS = {"threads": ThreadPool, "processes": ProcessPool}


@pytest.fixture(params=KINDS, scope="module")
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    made = KINDS[request.param](EngineOptions())
    yield made
    made.close()


@pytest.fixture(scope="module")
def unruly(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> NetworkId:
    """A network that is busy for as long as it is told to, and fails where it is told to."""
    return loaded(pool, unruly_model(tmp_path_factory.mktemp("unruly")))


def loaded(pool: Pool, model: Model) -> NetworkId:
    pool.load(model)
    return NetworkId(model.manifest.key, 0)


def inside(course: Course) -> float:
    """Seconds in the network."""
    return (course.network_ended - course.network_begun) / 1e9


@pytest.mark.parametrize("lane", Lane)
def test_the_points_of_a_run_ascend_and_lie_in_its_time(pool: Pool, unruly: NetworkId, lane: Lane) -> None:
    for seed in range(3):
        before = time.monotonic_ns()
        estimate = pool.submit(unruly, segment(seed), lane, before + 60_000_000_000).result(20)
        points = [before, *astuple(estimate.course), time.monotonic_ns()]
        assert points == sorted(points)
        assert estimate.seconds == (estimate.course.ended - estimate.course.begun) / 1e9 > 0


def test_what_a_network_takes_shows_as_the_networks(pool: Pool, unruly: NetworkId) -> None:
    course = pool.submit(unruly, busy(0.3), Lane.FREE, 0).result(20).course
    assert inside(course) > 0.1
    assert inside(course) > course.seconds / 2


def test_the_transforms_around_a_network_are_not_the_networks(pool: Pool) -> None:
    model = find("spleeter-vocals")
    given = trial(model.manifest.live.window(), spectral=True)
    course = pool.submit(loaded(pool, model), given, Lane.FREE, 0).result(40).course
    assert len(set(astuple(course))) == 4
    assert 0 < inside(course) < course.seconds


def test_a_segment_that_waited_begins_when_the_one_before_has_ended(pool: Pool, unruly: NetworkId) -> None:
    given = [busy(0.3), busy(0.1), segment()]
    before = time.monotonic_ns()
    futures = [pool.submit(unruly, each, Lane.FREE, before + number) for number, each in enumerate(given)]
    courses = [future.result(20).course for future in futures]
    for earlier, later in pairwise(courses):
        assert later.begun >= earlier.ended


def test_a_run_that_fails_leaves_nothing_to_the_next(pool: Pool, unruly: NetworkId) -> None:
    with pytest.raises(InferenceError, match="network failed"):
        pool.submit(unruly, segment(first=FAILS), Lane.FREE, 0).result(20)
    course = pool.submit(unruly, segment(), Lane.FREE, 0).result(20).course
    assert list(astuple(course)) == sorted(astuple(course))


class FakeNetwork:
    """Notes when it ran."""

    engine, inputs, outputs, placement = "fake", ("mix",), ("stems",), {"nowhere": 2}

    def __init__(self) -> None:
        self.times: list[int] = []
        self.terminated = False

    def run(self, *values: Float32Array) -> list[Float32Array]:
        self.times.append(time.monotonic_ns())
        if not values:
            raise InferenceError("the network failed: nothing to see")
        return list(values)

    def terminate(self) -> None:
        self.terminated = True


def test_a_network_that_runs_several_times_took_from_the_first_begin_to_the_last_end() -> None:
    stopwatch, network = Stopwatch(), FakeNetwork()
    watched = stopwatch.on(network)
    for _ in range(2):
        stopwatch.reset()
        network.times.clear()
        before = time.monotonic_ns()
        given = np.zeros(3, np.float32)
        assert all(watched.run(given)[0] is given for _ in range(3))
        with pytest.raises(InferenceError):
            watched.run()
        began, ended = stopwatch.read()
        assert before <= began <= network.times[0]
        assert network.times[-1] <= ended <= time.monotonic_ns()


def test_where_no_network_was_seen_all_of_the_run_counts_as_the_networks() -> None:
    stopwatch = Stopwatch()
    before = time.monotonic_ns()
    stopwatch.reset()
    after = time.monotonic_ns()
    began, ended = stopwatch.read()
    assert before <= began <= after <= ended


def test_a_network_looks_the_same_with_a_stopwatch_on_it() -> None:
    network = FakeNetwork()
    watched = Stopwatch().on(network)
    for name in ("engine", "inputs", "outputs", "placement"):
        assert getattr(watched, name) == getattr(network, name)
    watched.terminate()
    assert network.terminated
