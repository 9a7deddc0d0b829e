"""One network, asked for one kind of segment again and again, here or on a server: what that takes, and of whom."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import psutil

from stemd.dsp.plan import WindowPlan
from stemd.separation.pool import Estimate, Lane, NetworkId, Pool
from stemd.separation.remote import wire
from stemd.separation.store import Model
from stemd.separation.trial import trial
from stemd_bench.cluster import statistics
from stemd_bench.cluster.server import Server
from stemd_bench.suite import Figures

UNITS: Final = {
    **dict.fromkeys(("trip_p50", "trip_p99", "compute_p50", "added_p50", "added_p99", "own_cpu", "server_cpu"), "ms"),
    "wire": "KiB",
    "server_memory": "MiB",
    "times_here": "",
    **dict.fromkeys((f"stage_{name}" for name in statistics.STAGES), "ms"),
}
_FAR: Final = 60_000_000_000  # ns
_WITHIN: Final = 120.0  # seconds
_WARM_RUNS: Final = 1  # of what has been warmed before, and has waited while others ran
_RUNS: Final = (4, 200)  # at least, at most
_KIB: Final = 1_024.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A model's first network, and the plan whose segments it is asked for."""

    model: Model
    name: str
    plan: WindowPlan

    @property
    def network(self) -> NetworkId:
        """Which network it is."""
        return NetworkId(self.model.manifest.key, 0)


@dataclass(frozen=True, slots=True)
class _Run:
    trip: float  # seconds from handing over the segment to its estimate
    estimate: Estimate


def measure(subject: Subject, pool: Pool, server: Server | None, seconds: float) -> Figures:
    """Ask for about so many seconds, one request after the other; `server` is who runs them, None: this process."""
    segment = trial(subject.plan, spectral=subject.model.spectral)

    def ask() -> _Run:
        began = time.monotonic()
        deadline = time.monotonic_ns() + _FAR
        estimate = pool.submit(subject.network, segment, Lane.REALTIME, deadline).result(_WITHIN)
        return _Run(time.monotonic() - began, estimate)

    for _ in range(_WARM_RUNS):
        ask()
    if server is None:
        began = time.process_time()
        runs = _asked(ask, seconds)
        return {**_trips(runs), "own_cpu": 1e3 * (time.process_time() - began) / len(runs)}
    return _of_server(subject, server, lambda: _asked(ask, seconds))


def _asked(ask: Callable[[], _Run], seconds: float) -> list[_Run]:
    least, most = _RUNS
    end = time.monotonic() + seconds
    runs: list[_Run] = []
    while len(runs) < least or (time.monotonic() < end and len(runs) < most):
        runs.append(ask())
    return runs


def _of_server(subject: Subject, server: Server, asked: Callable[[], Sequence[_Run]]) -> Figures:
    name, version = wire.name(subject.model.manifest, 0), wire.version(subject.model.manifest)
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    before = statistics.spent(server.address, name, version), _busy(family), time.process_time(), _loopback()
    runs = asked()
    after = statistics.spent(server.address, name, version), _busy(family), time.process_time(), _loopback()
    count = len(runs)
    compute = np.array([run.estimate.course.network_ended - run.estimate.course.network_begun for run in runs]) / 1e9
    trips = np.array([run.trip for run in runs])
    added = 1e3 * np.percentile(trips - compute, [50, 99])
    spent = statistics.stages(before[0], after[0], float(trips.mean()), float(compute.mean()))
    return {
        **_trips(runs),
        "compute_p50": 1e3 * float(np.median(compute)),
        "added_p50": float(added[0]),
        "added_p99": float(added[1]),
        "server_cpu": 1e3 * (after[1] - before[1]) / count,
        "own_cpu": 1e3 * (after[2] - before[2]) / count,
        "wire": (after[3] - before[3]) / _KIB / count,
        "server_memory": sum(process.memory_full_info().pss for process in family) / 2**20,
        **{f"stage_{stage}": 1e3 * taken for stage, taken in spent.items()},
    }


def _trips(runs: Sequence[_Run]) -> dict[str, float]:
    p50, p99 = 1e3 * np.percentile([run.trip for run in runs], [50, 99])
    return {"trip_p50": float(p50), "trip_p99": float(p99)}


def _busy(family: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in family)


def _loopback() -> float:
    """Bytes that went over the loopback interface so far, of whomever."""
    return float(psutil.net_io_counters(pernic=True)["lo"].bytes_sent)
