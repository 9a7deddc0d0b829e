"""One case, in a process of its own: a task comes on stdin as JSON, figures go to stdout."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec
import numpy as np
import psutil

from stemd.config import Engine
from stemd.dsp.segmenter import Segment
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.pool import Lane, NetworkId
from stemd.separation.processes import ProcessPool, ProcessWorker
from stemd.separation.store import find
from stemd.separation.threads import ThreadPool
from stemd.separation.trial import trial
from stemd.separation.workers import WorkerPool
from stemd_bench.workers import MODEL
from stemd_bench.workers.hogs import hogs

_FAR: Final = 60_000_000_000  # ns
_WITHIN: Final = 60.0
_NAP: Final = 0.002  # seconds
_NAPS: Final = 100  # for each segment that was asked for
_POOLS: Final[dict[str, Callable[[EngineOptions], WorkerPool]]] = {"threads": ThreadPool, "processes": ProcessPool}


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do: with threads, processes or both in turn, so many segments of a plan in a lane."""

    kind: str
    plan: str
    lane: Lane
    segments: int


class Rig:
    """A pool with the network loaded and warm."""

    def __init__(self, kind: str, task: Task) -> None:
        self.pool, self.lane = _POOLS[kind](EngineOptions.configured(Engine())), task.lane
        model = find(MODEL)
        self._network = NetworkId(model.manifest.key, 0)
        plan = model.manifest.plans[task.plan].window()
        self._segment: Segment = trial(plan, spectral=model.spectral)
        self.pool.load(model)
        self.pool.measure(model, plan, task.lane, [0])  # as the daemon does, which makes it warm

    def trip(self, kill: bool = False) -> float:
        """Seconds from handing over a segment to its estimate; or from the death of the worker that runs it."""
        began = time.perf_counter()
        future = self.pool.submit(self._network, self._segment, self.lane, time.monotonic_ns() + _FAR)
        if kill:
            while not (pids := _at_work(self.pool, self.lane)):
                pass
            began = time.perf_counter()
            os.kill(pids[0], signal.SIGKILL)
        future.result(_WITHIN)
        return time.perf_counter() - began


def alone(task: Task) -> Mapping[str, float]:
    """One kind by itself: trips, processor time and memory; of processes, what a death costs."""
    rig = Rig(task.kind, task)
    family = [psutil.Process(), *psutil.Process().children()]
    before = _busy(family)
    trips = [rig.trip() for _ in range(task.segments)]
    used = _busy(family) - before
    figures = {**_percentiles("trip", trips), "cpu": 1e3 * used / task.segments, **_memory(family)}
    if task.lane is Lane.FREE:
        figures |= held_up(rig, _NAPS * task.segments)
    if task.kind == "processes":
        figures |= _death(rig, float(np.median(trips)))
    rig.pool.close()
    return figures


def held_up(rig: Rig, naps: int) -> Mapping[str, float]:
    """How much later than it should a thread wakes, in ms, while segments run and other programs want every core."""
    late, over = [], False

    def work() -> None:
        while not over:
            rig.trip()

    with hogs(os.cpu_count() or 1), ThreadPoolExecutor(1) as executor:
        working = executor.submit(work)
        for _ in range(naps):
            due = time.perf_counter() + _NAP
            time.sleep(_NAP)
            late.append(time.perf_counter() - due)
        over = True
        working.result(_WITHIN)
    return {"held_p99": 1e3 * float(np.percentile(late, 99)), "held_max": 1e3 * max(late)}


def both(task: Task) -> Mapping[str, float]:
    """Threads and processes in turn, segment by segment."""
    rigs = {kind: Rig(kind, task) for kind in _POOLS}
    trips: dict[str, list[float]] = {kind: [] for kind in rigs}
    for number in range(task.segments):
        for kind in list(rigs) if number % 2 else reversed(list(rigs)):
            trips[kind].append(rigs[kind].trip())
    for rig in rigs.values():
        rig.pool.close()
    added = np.subtract(trips["processes"], trips["threads"])
    p99 = np.percentile(trips["processes"], 99) - np.percentile(trips["threads"], 99)
    return {"added_p50": 1e3 * float(np.median(added)), "added_p99": 1e3 * float(p99)}


def _death(rig: Rig, usual: float) -> dict[str, float]:
    """Kill the worker that runs a segment."""
    restarts = rig.pool.health()[rig.lane].restarts
    began = time.perf_counter()
    taken_over = rig.trip(kill=True) - usual
    while rig.pool.health()[rig.lane].restarts == restarts:
        time.sleep(0.01)
    return {"taken_over": 1e3 * taken_over, "back": time.perf_counter() - began}


def _at_work(pool: WorkerPool, lane: Lane) -> list[int]:
    workers = [seat.worker for seat in pool.crews[lane].seats if seat.run]
    return [worker.pid for worker in workers if isinstance(worker, ProcessWorker) and worker.pid]


def _busy(family: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in family)


def _memory(family: list[psutil.Process]) -> dict[str, float]:
    """Of this process, and of its workers, in MiB."""
    held = [process.memory_full_info() for process in family]
    pss, rss = ([getattr(one, name) / 2**20 for one in held] for name in ("pss", "rss"))
    return {"pss": pss[0], "pss_workers": sum(pss[1:]), "rss": rss[0], "rss_workers": sum(rss[1:])}


def _percentiles(name: str, seconds: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    return {f"{name}_p50": float(p50), f"{name}_p99": float(p99)}


def main() -> None:
    """Do the task."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    figures = both(task) if task.kind == "both" else alone(task)
    sys.stdout.buffer.write(msgspec.json.encode(figures))


if __name__ == "__main__":
    main()
