"""Laws of servers that fail: a segment is run elsewhere while there is time, and nothing is left of what went wrong.

The servers are fakes (tests.remote.misbehaving), for a real one cannot be made to do most of this.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Thread, Timer

import grpc
import numpy as np
import pytest

from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.patience import Patience
from stemd.separation.pool import Estimate, Lane, NetworkId
from stemd.separation.remote.link import Access
from stemd.separation.remote.pool import TritonPool
from stemd.separation.store import Model
from tests.graphs import PLAN, copied, copying_model, segment
from tests.remote import misbehaving
from tests.remote.cut_short import Line
from tests.remote.misbehaving import Answer, Fake, Flapping, failing, serving, slowly
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
SECONDS = 4.0  # that a segment has
SLOWER = 0.03  # by which one server is slower, so that the other is asked first
WITHIN = 20.0

BAD: dict[str, Answer] = {
    "a frame is missing": misbehaving.misshapen,
    "another type": misbehaving.doubled,
    "not a number": misbehaving.no_numbers,
    "no tensors": misbehaving.empty,
    "half of the samples": misbehaving.lying,
    "a quarter of a gigabyte": misbehaving.huge,
    "it refuses": failing(grpc.StatusCode.INTERNAL),
}
LOST: dict[str, Answer] = {
    "it says that it is not there": failing(grpc.StatusCode.UNAVAILABLE),
    "it lets nobody in any more": failing(grpc.StatusCode.UNAUTHENTICATED),
    "no message": misbehaving.garbage,
}
LATE: dict[str, Answer] = {"no answer": misbehaving.never, "an answer that comes late": slowly(0.3)}
ALL = {**BAD, **LOST, **LATE}
SOME = {name: ALL[name] for name in ("a frame is missing", "it says that it is not there", "no answer")}
each = pytest.mark.parametrize("answer", ALL.values(), ids=ALL)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return copying_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as ends:
        yield ends


def served(ends: ExitStack, model: Model, answer: Answer | None = None, *, shares: bool = False) -> Fake:
    return ends.enter_context(serving(Fake(model, answer, shares=shares)))


def pool_of(ends: ExitStack, model: Model, *fakes: Fake, shares: bool = False) -> TritonPool:
    """A pool that knows these servers, and how long each takes."""
    pool = pool_at(ends, model, *(fake.address for fake in fakes), shares=shares)
    for fake in fakes:
        fake.begun = fake.done = 0
    return pool


def pool_at(ends: ExitStack, model: Model, *addresses: str, shares: bool = False) -> TritonPool:
    pool = TritonPool(addresses, 1, Access(shared_memory=shares), Patience(free=10.0))
    ends.callback(pool.close)
    pool.load(model)
    pool.measure(model, PLAN, Lane.REALTIME, [0])
    return pool


def submit(
    pool: TritonPool, model: Model, given: Segment, seconds: float = SECONDS, lane: Lane = Lane.REALTIME
) -> "Future[Estimate]":
    deadline = time.monotonic_ns() + round(seconds * 1e9)
    return pool.submit(NetworkId(model.manifest.key, 0), given, lane, deadline)


def run(pool: TritonPool, model: Model, seed: int = 0, seconds: float = SECONDS) -> bool:
    """Whether a segment is run as it should be, in time."""
    given = segment(seed)
    stems = submit(pool, model, given, seconds).result(seconds + 1.0).stems
    return np.array_equal(stems, copied(given))


def fails(pool: TritonPool, model: Model, seconds: float) -> float:
    """Seconds after which it is said that a segment was not run."""
    began = time.monotonic()
    with pytest.raises(InferenceError):
        submit(pool, model, segment(), seconds).result(WITHIN)
    return time.monotonic() - began


def test_models_may_be_learnt_while_servers_are_asked_for_others(ends: ExitStack, model: Model, tmp_path: Path) -> None:
    fake = served(ends, model)
    pool = TritonPool([fake.address], 1, Access(shared_memory=False), Patience(free=10.0))
    ends.callback(pool.close)
    others = [copying_model(tmp_path, name=f"other-{number}") for number in range(7)]
    with ThreadPoolExecutor(8) as executor:
        loads = [executor.submit(pool.load, each) for each in (*others, model)]
    for load in loads[:-1]:
        assert isinstance(load.exception(), ModelLoadError)
    loads[-1].result()
    assert run(pool, model)


# --- one of two --------------------------------------------------------------------------------------------------


@each
def test_what_one_server_spoils_another_runs_in_time(ends: ExitStack, model: Model, answer: Answer) -> None:
    first, second = served(ends, model), served(ends, model, slowly(SLOWER))
    pool = pool_of(ends, model, first, second)
    first.answer = answer
    assert run(pool, model, seconds=2.0)
    assert second.begun == 1
    assert first.begun == 1 or answer in LOST.values(), "but for the look whether it is back"


@pytest.mark.parametrize("answer", SOME.values(), ids=SOME)
def test_it_runs_them_although_it_had_no_room_when_they_came(ends: ExitStack, model: Model, answer: Answer) -> None:
    """As many at a time as both of them have places for: what was one's has to wait for the other."""
    first, second = served(ends, model), served(ends, model, slowly(SLOWER))
    pool = pool_of(ends, model, first, second)
    first.answer = answer
    futures = [submit(pool, model, segment(seed)) for seed in range(4)]
    for seed, future in enumerate(futures):
        assert np.array_equal(future.result(SECONDS).stems, copied(segment(seed)))


def test_a_server_that_is_killed_while_it_runs_a_segment_loses_none(ends: ExitStack, model: Model) -> None:
    first, second = served(ends, model), served(ends, model, slowly(SLOWER))
    pool = pool_of(ends, model, first, second)
    first.answer = misbehaving.never
    given = segment(1)
    future = submit(pool, model, given)
    wait_until(lambda: first.begun == 1, "it runs")
    first.vanish()
    assert np.array_equal(future.result(SECONDS).stems, copied(given))
    wait_until(lambda: not pool.servers()[0].there, "it is missed")
    assert pool.servers()[1].there


def test_a_connection_that_breaks_in_the_middle_of_an_answer_loses_no_segment(ends: ExitStack, model: Model) -> None:
    first, second = served(ends, model), served(ends, model, slowly(SLOWER))
    line = ends.enter_context(Line(first.port))
    pool = pool_at(ends, model, line.address, second.address)
    first.begun = second.begun = 0
    line.breaks_after = copied(segment()).nbytes // 2
    assert run(pool, model, 6)
    assert first.done >= 1, "it was answered, but not heard"
    assert second.begun == 1
    line.breaks_after = None
    wait_until(lambda: pool.servers()[0].there, "it is back")


def test_a_late_answer_is_never_a_second_one(ends: ExitStack, model: Model, caplog: pytest.LogCaptureFixture) -> None:
    first, second = served(ends, model), served(ends, model, slowly(SLOWER))
    pool = pool_of(ends, model, first, second)
    first.answer = slowly(0.2)
    told: list[Future[Estimate]] = []
    future = submit(pool, model, segment(2))
    future.add_done_callback(told.append)
    assert np.array_equal(future.result(SECONDS).stems, copied(segment(2)))
    wait_until(lambda: first.done == first.begun == 1, "the late answer is sent")
    assert run(pool, model, 3), "and what comes after it is another segment's"
    assert told == [future]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_server_that_is_overtaken_is_told_that_nobody_waits(ends: ExitStack, model: Model) -> None:
    first, second = served(ends, model), served(ends, model, slowly(SLOWER))
    pool = pool_of(ends, model, first, second)
    first.answer = misbehaving.never
    assert run(pool, model, seconds=15.0)
    wait_until(lambda: first.done == first.begun == 1, "the request is cancelled there", 5.0)


def test_a_server_that_comes_and_goes_costs_no_segment(ends: ExitStack, model: Model) -> None:
    first, second = served(ends, model), served(ends, model, slowly(SLOWER))
    pool = pool_of(ends, model, first, second)
    first.answer = Flapping()
    for seed in range(30):
        assert run(pool, model, seed)


def test_a_server_that_is_always_late_is_asked_no_more_while_another_is_quick(ends: ExitStack, model: Model) -> None:
    """Although it says that it lives; a segment in time is worth more than a fair share of them."""
    first, second = served(ends, model), served(ends, model, slowly(SLOWER))
    pool = pool_of(ends, model, first, second)
    first.answer = misbehaving.never
    for seed in range(20):
        assert run(pool, model, seed)
    assert first.begun <= 5
    assert second.begun == 20


def test_a_stream_is_timed_by_those_who_answer(ends: ExitStack, model: Model) -> None:
    first, second = served(ends, model), served(ends, model)
    pool = pool_of(ends, model, first, second)
    first.answer = failing(grpc.StatusCode.UNAVAILABLE)
    [timing] = pool.measure(model, PLAN, Lane.REALTIME, [0])
    assert 0 < timing.median <= timing.p99


# --- one alone ---------------------------------------------------------------------------------------------------


@each
def test_alone_it_costs_the_segment_and_no_more_time_than_there_was(
    ends: ExitStack, model: Model, answer: Answer
) -> None:
    alone = served(ends, model)
    pool = pool_of(ends, model, alone)
    alone.answer = answer
    assert fails(pool, model, 0.2) < 1.5
    alone.answer = misbehaving.well
    wait_until(lambda: pool.servers()[0].there, "it is back")
    assert run(pool, model)


def test_an_answer_that_is_far_too_long_is_not_even_read(ends: ExitStack, model: Model) -> None:
    alone = served(ends, model)
    pool = pool_of(ends, model, alone)
    alone.answer = misbehaving.huge
    with pytest.raises(InferenceError, match="larger than max"):
        submit(pool, model, segment()).result(WITHIN)


def test_a_segment_that_nobody_waits_for_outlives_its_only_server(ends: ExitStack, model: Model) -> None:
    """As a load balancer may lose the server, and has another a moment later."""
    alone = served(ends, model)
    pool = pool_of(ends, model, alone)
    alone.answer = misbehaving.never
    given = segment(4)
    future = submit(pool, model, given, lane=Lane.FREE)
    wait_until(lambda: alone.begun == 1, "it runs")
    alone.vanish()
    alone.answer = misbehaving.well
    alone.start()
    assert np.array_equal(future.result(WITHIN).stems, copied(given))


def test_a_segment_with_time_left_outlives_its_only_server(ends: ExitStack, model: Model) -> None:
    alone = served(ends, model)
    pool = pool_of(ends, model, alone)
    alone.answer = misbehaving.never
    given = segment(5)
    future = submit(pool, model, given)
    wait_until(lambda: alone.begun == 1, "it runs")
    alone.vanish()
    alone.answer = misbehaving.well
    alone.start()
    assert np.array_equal(future.result(SECONDS).stems, copied(given))


def test_one_that_failed_is_looked_at_after_pauses_that_grow_and_comes_back_by_itself(
    ends: ExitStack, model: Model
) -> None:
    alone = served(ends, model)
    pool = pool_of(ends, model, alone)
    alone.answer = failing(grpc.StatusCode.UNAVAILABLE)
    alone.ready, alone.looks = False, 0
    began = time.monotonic()
    fails(pool, model, 0.2)
    looked: list[float] = []

    def has_looked(times: int) -> bool:
        if alone.looks > len(looked):
            looked.append(time.monotonic() - began)
        return len(looked) >= times

    wait_until(lambda: has_looked(3), "it was looked at three times")
    pauses = np.diff([0.0, *looked])
    assert pauses[1] > 1.5 * pauses[0]
    assert pauses[2] > 1.5 * pauses[1]
    alone.ready, alone.answer = True, misbehaving.well
    wait_until(lambda: pool.servers()[0].there, "it is back")
    assert run(pool, model)
    assert (pool.servers()[0].failures, pool.servers()[0].returns) == (1, 1)


# --- from the start ----------------------------------------------------------------------------------------------


def test_a_port_that_says_nothing_at_all_keeps_nobody_from_loading(ends: ExitStack, model: Model) -> None:
    mute = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
    good = served(ends, model)
    pool = TritonPool([f"127.0.0.1:{mute.getsockname()[1]}", good.address], 1, Access(), Patience())
    ends.callback(pool.close)
    pool.load(model)
    assert [server.there for server in pool.servers()] == [False, True]
    assert run(pool, model)


def test_where_nobody_answers_loading_says_so_of_each(ends: ExitStack, model: Model) -> None:
    fake = served(ends, model)
    fake.ready = False
    pool = TritonPool([fake.address, "127.0.0.1:1"], 1, Access(), Patience())
    ends.callback(pool.close)
    with pytest.raises(ModelLoadError, match=r"not ready.*127\.0\.0\.1:1"):
        pool.load(model)


# --- what is left ------------------------------------------------------------------------------------------------


def left(pool: TritonPool) -> dict[str, int]:
    """What a pool holds of this machine and its servers' places."""
    tasks = asyncio.run_coroutine_threadsafe(_tasks(), pool._loop).result()
    return {
        "tasks": tasks,
        "places": sum(server.busy for server in pool.servers()),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "shared": len(list(misbehaving.SHARED.glob(f"stemd-{os.getpid()}-*"))),
    }


async def _tasks() -> int:
    return len(asyncio.all_tasks()) - 1


@pytest.mark.parametrize("shares", [False, True], ids=["over the wire", "in shared memory"])
def test_nothing_is_left_of_what_went_wrong(ends: ExitStack, model: Model, shares: bool) -> None:
    first, second = (served(ends, model, shares=shares) for _ in range(2))
    pool = pool_of(ends, model, first, second, shares=shares)
    assert bool(first.regions) == shares
    before = left(pool)

    def again(answer: Answer) -> None:
        first.answer = answer
        for seed in range(4):
            assert run(pool, model, seed)

    for answer in (*BAD.values(), *LATE.values()):
        again(answer)
    first.answer = misbehaving.well
    wait_until(lambda: all(server.there for server in pool.servers()), "all are back")

    def is_left() -> bool:
        now = left(pool)
        return all(now[what] <= before[what] for what in ("tasks", "places", "shared"))

    wait_until(is_left, f"no more is left than before, {before}: {left(pool)}")
    assert left(pool)["descriptors"] <= before["descriptors"] + 4, "a connection more, where one was made anew"


def test_a_server_that_does_not_count_who_uses_its_shared_memory_gets_segments_over_the_wire(
    ends: ExitStack, model: Model
) -> None:
    """It would crash where it is told to let go of what it still writes to."""
    old = Fake(model, shares=True)
    old.version = "2.49.0"
    ends.enter_context(serving(old))
    pool = pool_of(ends, model, old, shares=True)
    assert run(pool, model)
    assert old.regions == {}


def test_a_server_that_was_late_once_lets_go_of_the_shared_memory_of_that_request(
    ends: ExitStack, model: Model
) -> None:
    fake = served(ends, model, shares=True)
    pool = pool_of(ends, model, fake, shares=True)
    looks, given_up = fake.looks, set(fake.regions or {})
    fake.answer = slowly(0.5)
    fails(pool, model, 0.2)
    fake.answer = misbehaving.well
    wait_until(lambda: run(pool, model) and given_up.isdisjoint(fake.regions or {}), "it lets go")
    assert fake.looks == looks, "by the same connection"


def test_a_server_lets_go_of_shared_memory_that_was_given_up_once_it_no_longer_uses_it(
    ends: ExitStack, model: Model
) -> None:
    first, second = served(ends, model, shares=True), served(ends, model, slowly(SLOWER), shares=True)
    pool = pool_of(ends, model, first, second, shares=True)
    assert first.regions
    given_up = set(first.regions)
    first.held, first.answer = given_up, misbehaving.never
    assert run(pool, model)
    first.answer = misbehaving.well

    def used_again() -> bool:
        return run(pool, model) and not given_up.issuperset(first.regions or {})

    wait_until(used_again, "it is given segments again, in other memory")
    assert given_up <= set(first.regions)
    first.held = set()
    wait_until(lambda: run(pool, model) and given_up.isdisjoint(first.regions or {}), "it lets go")
    pool.close()
    assert first.regions == {}
    assert second.regions == {}


def test_a_pool_that_is_closed_waits_a_moment_for_a_server_that_still_writes(ends: ExitStack, model: Model) -> None:
    fake = served(ends, model, shares=True)
    pool = pool_of(ends, model, fake, shares=True)
    fake.held = set(fake.regions or {})
    assert fake.held
    Timer(0.2, fake.held.clear).start()
    pool.close()
    assert fake.regions == {}


def test_a_pool_that_is_closed_amid_it_all_leaves_nothing(ends: ExitStack, model: Model) -> None:
    hung = served(ends, model, shares=True)
    pool = pool_of(ends, model, hung, shares=True)
    hung.answer = misbehaving.never
    futures = [submit(pool, model, segment(seed), lane=lane) for lane in Lane for seed in range(4)]
    wait_until(lambda: hung.begun >= 1, "one runs")
    faults: list[BaseException] = []
    measuring = Thread(target=_noted(lambda: pool.measure(model, PLAN, Lane.FREE, [0]), faults))
    measuring.start()
    wait_until(lambda: hung.begun >= 2, "one is timed")
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 3.0
    measuring.join(5.0)
    assert not measuring.is_alive()
    assert [type(fault) for fault in faults] == [InferenceError]
    assert all(future.done() for future in futures)
    assert not list(misbehaving.SHARED.glob(f"stemd-{os.getpid()}-*"))


def _noted(work: Callable[[], object], faults: list[BaseException]) -> Callable[[], None]:
    def noted() -> None:
        try:
            work()
        except BaseException as exc:
            faults.append(exc)

    return noted
