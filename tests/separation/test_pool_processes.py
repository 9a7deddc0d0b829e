"""Processes that die: killed, crashed, out of memory; while they run, wait or load. All is real but the reason."""

import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.patience import Patience
from stemd.separation.pool import Lane
from stemd.separation.processes import ProcessPool, ProcessWorker
from stemd.separation.store import find
from stemd.separation.threads import NICENESS
from stemd.separation.trial import trial
from tests.graphs import HANGS, PLAN, busy, copied, copying_model, segment, unruly_model
from tests.separation.test_pool import network, soon
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="processes need Linux"),
]
SHARED = Path("/dev/shm")  # noqa: S108 - where named shared memory would lie


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    made = ProcessPool(EngineOptions())
    yield made
    made.close()


def pids(pool: ProcessPool, lane: Lane) -> list[int]:
    """The processes of a lane, once all are ready."""
    seats = pool.crews[lane].seats
    wait_until(lambda: all(seat.ready for seat in seats), "its workers are ready")
    return [seat.worker.pid for seat in seats if isinstance(seat.worker, ProcessWorker) and seat.worker.pid]


def at_work(pool: ProcessPool, lane: Lane) -> int:
    """The process that runs something."""
    [worker] = wait_until(lambda: [s.worker for s in pool.crews[lane].seats if s.run], "a worker runs something")
    assert isinstance(worker, ProcessWorker)
    assert worker.pid
    return worker.pid


def settled(pool: ProcessPool, lane: Lane, restarts: int) -> None:
    """Wait until so many workers have been replaced, and everybody is ready."""
    seats = pool.crews[lane].seats
    wait_until(
        lambda: pool.health()[lane].restarts >= restarts and all(seat.ready for seat in seats), f"{restarts} restarts"
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
@pytest.mark.parametrize("lane", Lane)
def test_a_worker_that_dies_while_it_runs_costs_nothing_where_there_is_time(
    pool: ProcessPool, tmp_path: Path, lane: Lane, number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    model = unruly_model(tmp_path)
    pool.load(model)
    before, given = pids(pool, lane), busy(0.3)
    future = pool.submit(network(model), given, lane, soon())
    behind = pool.submit(network(model), segment(1), lane, soon() + 1)
    killed = at_work(pool, lane)
    os.kill(killed, number)
    if lane is Lane.REALTIME:
        other = wait_until(lambda: (pid := at_work(pool, lane)) != killed and pid, "another runs it")
        assert other in before, "it was the standby that took over"
    assert np.allclose(future.result(40).stems, copied(given))
    assert np.array_equal(behind.result(40).stems, copied(segment(1)))
    settled(pool, lane, 1)
    health = pool.health()[lane]
    assert (health.lost, health.restarts, health.answers) == (1, 1, True)
    assert f"killed by {number.name}" in caplog.text
    assert pool.submit(network(model), segment(2), lane, soon()).result(20)


def test_where_there_is_no_time_it_costs_its_segment_alone(pool: ProcessPool, tmp_path: Path) -> None:
    model = unruly_model(tmp_path)
    pool.load(model)
    pids(pool, Lane.REALTIME)
    stuck = pool.submit(network(model), segment(first=HANGS), Lane.REALTIME, soon(1))
    pid = at_work(pool, Lane.REALTIME)
    os.kill(pid, signal.SIGKILL)
    behind = pool.submit(network(model), segment(1), Lane.REALTIME, soon())
    with pytest.raises(InferenceError):
        stuck.result(20)
    assert np.array_equal(behind.result(20).stems, copied(segment(1)))


@pytest.mark.parametrize("lane", Lane)
def test_a_worker_that_dies_while_it_has_nothing_to_do_is_replaced_before_it_is_needed(
    pool: ProcessPool, tmp_path: Path, lane: Lane
) -> None:
    model = copying_model(tmp_path)
    pool.load(model)
    killed = pids(pool, lane)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    settled(pool, lane, len(killed))
    assert not set(killed) & set(pids(pool, lane))
    assert np.array_equal(pool.submit(network(model), segment(), lane, soon()).result(20).stems, copied(segment())), (
        "it has the models of the one before"
    )


def test_a_worker_that_dies_while_it_loads_is_a_model_that_cannot_be_loaded(pool: ProcessPool, tmp_path: Path) -> None:
    other, model, faults = copying_model(tmp_path, name="other"), copying_model(tmp_path), []
    pool.load(other)
    [victim] = pids(pool, Lane.FREE)
    os.kill(victim, signal.SIGSTOP)  # so that it is sure to be loading

    def load() -> None:
        try:
            pool.load(model)
        except ModelLoadError as exc:
            faults.append(str(exc))

    thread = threading.Thread(target=load)
    thread.start()
    wait_until(lambda: pool.crews[Lane.FREE].seats[0].busy, "it loads")
    os.kill(victim, signal.SIGKILL)
    thread.join(40)
    assert len(faults) == 1
    assert "SIGKILL" in faults[0]
    settled(pool, Lane.FREE, 1)
    pool.load(model)
    for each in (other, model):
        for lane in Lane:
            assert pool.submit(network(each), segment(), lane, soon()).result(20)


def test_out_of_memory_costs_its_segment_and_the_next_goes_well(pool: ProcessPool) -> None:
    """The worker's address space is limited, so that it really gets no more; the kernel's own killer sends SIGKILL."""
    model = find("spleeter-vocals")
    pool.load(model)
    long, short = (trial(row.window(), spectral=True) for row in (model.manifest.studio, model.manifest.live))
    expected = pool.submit(network(model), short, Lane.FREE, 0).result(40)
    [pid] = pids(pool, Lane.FREE)
    held = psutil.Process(pid).memory_info().vms
    resource.prlimit(pid, resource.RLIMIT_AS, (held + 2**20, held + 2**20))
    fault = pool.submit(network(model), long, Lane.FREE, 0).exception(60)
    # If it dies of it, a second worker, which has no such limit, gives the estimate.
    assert isinstance(fault, InferenceError) or pool.health()[Lane.FREE].lost == 1
    assert np.array_equal(pool.submit(network(model), short, Lane.FREE, 0).result(60).stems, expected.stems)
    assert np.array_equal(pool.submit(network(model), short, Lane.REALTIME, soon()).result(40).stems, expected.stems)


def test_a_network_that_costs_several_workers_in_a_row_has_to_wait_and_others_do_not(
    pool: ProcessPool, tmp_path: Path
) -> None:
    poison, good = unruly_model(tmp_path), copying_model(tmp_path)
    pool.load(poison)
    pool.load(good)
    future = pool.submit(network(poison), segment(first=HANGS), Lane.FREE, 0)
    first = at_work(pool, Lane.FREE)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: pool.health()[Lane.FREE].restarts and at_work(pool, Lane.FREE) != first, "it is tried again")
    os.kill(at_work(pool, Lane.FREE), signal.SIGKILL)
    with pytest.raises(InferenceError, match="SIGKILL"):
        future.result(20)
    behind = pool.submit(network(good), segment(), Lane.FREE, 0)
    assert behind.result(40)
    for _ in range(20):  # for a second from the last death on, which is nearly over by now
        pool.crews[Lane.FREE]._losses.failed(network(poison), 1e9)
    with pytest.raises(InferenceError, match="tried again in"):
        pool.submit(network(poison), segment(), Lane.FREE, 0).result(20)


def test_whoever_stands_by_has_run_what_the_lane_runs_before_it_is_needed(pool: ProcessPool, tmp_path: Path) -> None:
    """The first run of a length takes longer, and would make the next segments late as well."""
    model = copying_model(tmp_path)
    pool.load(model)
    seats = pool.crews[Lane.REALTIME].seats
    pids(pool, Lane.REALTIME)
    assert pool.measure(model, PLAN, Lane.REALTIME, [0])
    assert all(seat.worker._runs > 0 for seat in seats)
    os.kill(pids(pool, Lane.REALTIME)[0], signal.SIGKILL)
    settled(pool, Lane.REALTIME, 1)
    assert all(seat.worker._runs > 0 for seat in seats)


def test_a_run_that_is_slow_keeps_nobody_waiting_and_still_gives_its_estimate(
    pool: ProcessPool, tmp_path: Path
) -> None:
    model = unruly_model(tmp_path)
    pool.load(model)
    pids(pool, Lane.REALTIME)
    quick, slow = segment(), busy(1.0)
    for _ in range(3):
        assert pool.submit(network(model), quick, Lane.REALTIME, soon()).result(20)
    first = pool.submit(network(model), slow, Lane.REALTIME, soon())
    assert np.array_equal(pool.submit(network(model), quick, Lane.REALTIME, soon()).result(20).stems, copied(quick))
    assert not first.done(), "it was waited for"
    assert np.array_equal(first.result(20).stems, copied(slow))
    assert pool.health()[Lane.REALTIME].hung == 0


def test_a_lane_recovers_when_there_are_file_descriptors_again(
    pool: ProcessPool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = copying_model(tmp_path)
    pool.load(model)
    [victim] = pids(pool, Lane.FREE)
    limits, last = resource.getrlimit(resource.RLIMIT_NOFILE), os.dup(0)
    os.close(last)
    resource.setrlimit(resource.RLIMIT_NOFILE, (last + 2, limits[1]))  # enough for one pair of sockets
    try:
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: "cannot be started" in caplog.text, "no other can be started")
        assert pool.submit(network(model), segment(), Lane.REALTIME, soon()).result(20)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    settled(pool, Lane.FREE, 1)
    assert pool.submit(network(model), segment(), Lane.FREE, 0).result(20)


def test_a_file_that_is_damaged_meanwhile_costs_a_new_worker_that_model_alone(
    pool: ProcessPool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, good = copying_model(tmp_path), copying_model(tmp_path, name="good")
    pool.load(damaged)
    pool.load(good)
    (tmp_path / "copy.onnx").write_bytes(b"not a graph")
    assert pool.submit(network(damaged), segment(), Lane.FREE, 0).result(20), "who has it loaded goes on"
    [pid] = pids(pool, Lane.FREE)
    os.kill(pid, signal.SIGKILL)
    settled(pool, Lane.FREE, 1)
    assert pool.submit(network(good), segment(), Lane.FREE, 0).result(20)
    with pytest.raises(InferenceError, match="not loaded"):
        pool.submit(network(damaged), segment(), Lane.FREE, 0).result(20)
    assert "damaged or replaced" in caplog.text
    assert pool.submit(network(damaged), segment(), Lane.REALTIME, soon()).result(20)


def test_a_run_that_does_not_end_when_it_is_told_to_is_ended_by_force(tmp_path: Path) -> None:
    pool = ProcessPool(EngineOptions(), Patience(due=0.2, free=0.2))
    try:
        model = unruly_model(tmp_path)
        pool.load(model)
        for lane in Lane:
            stuck = pool.submit(network(model), segment(first=HANGS), lane, soon())
            os.kill(at_work(pool, lane), signal.SIGSTOP)  # it hears nothing any more
            with pytest.raises(InferenceError, match="given up"):
                stuck.result(20)
            assert np.array_equal(
                pool.submit(network(model), segment(), lane, soon()).result(40).stems, copied(segment())
            )
            settled(pool, lane, 1)
            assert pool.health()[lane].answers
    finally:
        pool.close()


def test_what_workers_log_is_logged_here(pool: ProcessPool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "stemd"):
        chatty = ProcessPool(EngineOptions())
        chatty.load(copying_model(tmp_path))
        chatty.close()
    assert caplog.text.count("copy.onnx in onnxruntime: nodes") == 3


def test_the_worker_of_the_free_lane_is_niced_and_the_kernel_would_take_any_before_the_daemon(
    pool: ProcessPool,
) -> None:
    assert [psutil.Process(pid).nice() for pid in pids(pool, Lane.FREE)] == [psutil.Process().nice() + NICENESS]
    assert [psutil.Process(pid).nice() for pid in pids(pool, Lane.REALTIME)] == [psutil.Process().nice()] * 2
    own = int(Path("/proc/self/oom_score_adj").read_text())
    for lane in Lane:
        for pid in pids(pool, lane):
            assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) == min(1_000, own + 300)


def test_signals_meant_for_the_daemon_do_not_end_its_workers(pool: ProcessPool, tmp_path: Path) -> None:
    model = copying_model(tmp_path)
    pool.load(model)
    for lane in Lane:
        for pid in pids(pool, lane):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(pid, number)
    for lane in Lane:
        assert pool.submit(network(model), segment(), lane, soon()).result(20)
        assert pool.health()[lane].lost == 0


def descriptors() -> set[str]:
    """What this process has open, by number and what it is."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one by which they are listed
            found.add(f"{link.name} {link.readlink()}")
    return found


def test_nothing_is_left_after_closing(tmp_path: Path) -> None:
    shared, before = sorted(SHARED.iterdir()), descriptors()
    pool = ProcessPool(EngineOptions())
    model = copying_model(tmp_path)
    pool.load(model)
    workers = [psutil.Process(pid) for lane in Lane for pid in pids(pool, lane)]
    assert pool.submit(network(model), segment(), Lane.FREE, 0).result(20)
    assert any("memfd" in name for name in descriptors() - before)
    pool.close()
    assert not any(worker.is_running() for worker in workers)
    assert descriptors() <= before
    assert sorted(SHARED.iterdir()) == shared


ORPHANS = """
import sys
from pathlib import Path
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.pool import Lane, NetworkId
from stemd.separation.processes import ProcessPool
from tests.graphs import HANGS, segment, unruly_model
pool = ProcessPool(EngineOptions())
model = unruly_model(Path(sys.argv[1]))
pool.load(model)
pool.submit(NetworkId(model.manifest.key, 0), segment(first=HANGS), Lane.FREE, 0)
while not pool.health()[Lane.FREE].oldest: pass
pids = [seat.worker.pid for crew in pool.crews.values() for seat in crew.seats]
print(*pids, "onnxruntime" in sys.modules, flush=True)
sys.stdin.read()
"""


def test_workers_do_not_outlive_a_daemon_that_is_killed_and_it_never_loads_onnxruntime(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-c", ORPHANS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, text=True) as parent:
        assert parent.stdout is not None
        *numbers, loaded = parent.stdout.readline().split()
        workers = [psutil.Process(int(number)) for number in numbers]
        assert len(workers) == 3
        assert loaded == "False"
        parent.kill()
    wait_until(lambda: not any(worker.is_running() for worker in workers), "all of them are gone")
