"""The pool in threads: onnxruntime releases the interpreter's lock while it runs, so threads are enough for speed."""

import heapq
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np

from stemd.dsp import stft
from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, StemdError
from stemd.separation.pool import Estimate, Lane, NetworkId, Timing
from stemd.separation.specialist import CHANNELS, Specialist
from stemd.separation.store import Model

T = TypeVar("T")

_NICENESS: Final = 10
_WARM_RUNS: Final = 2
_TIMED_RUNS: Final = (8, 100)  # at least, at most
_TIMED_SECONDS: Final = 0.3  # between those, as many as this takes


class Worker:
    """One thread with networks of its own. Jobs wait in a heap by deadline; its length is bounded by who submits."""

    def __init__(self, lane: Lane, threads: int) -> None:
        self.networks: dict[str, list[Specialist]] = {}
        self._threads, self._lane = threads, lane
        self._jobs: list[tuple[int, int, Callable[[], Any], Future[Any]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=f"stemd-{lane.value}", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], T], deadline_ns: int = 0) -> "Future[T]":
        """Run a function in this thread, when nothing with an earlier deadline waits."""
        future: Future[T] = Future()
        with self._changed:
            if self._closing:
                raise InferenceError("the pool is closed")
            heapq.heappush(self._jobs, (deadline_ns, next(self._order), function, future))
            self._changed.notify()
        return future

    def load(self, model: Model) -> None:
        """Open the model's networks; call this in the worker's thread, whose niceness they inherit."""
        # Spinning makes a run a little shorter and the event loop, which needs a core too, a lot later.
        self.networks[model.manifest.name] = model.open(threads=self._threads, spin=False)

    def close(self) -> None:
        """Drop what waits, finish what runs."""
        with self._changed:
            self._closing = True
            for *_, future in self._jobs:
                future.cancel()
            self._jobs.clear()
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        if self._lane is Lane.FREE and sys.platform == "linux":
            with suppress(OSError):  # Linux counts niceness by thread
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closing)
                if self._closing:
                    return
                *_, function, future = heapq.heappop(self._jobs)
            if future.set_running_or_notify_cancel():
                _settle(future, function)
            del function, future  # else the last segment stays in memory while nothing runs


def _settle(future: "Future[T]", function: Callable[[], T]) -> None:
    try:
        future.set_result(function())
    except StemdError as exc:
        future.set_exception(exc)
    except Exception as exc:  # whatever a network raises belongs to its segment alone
        fault = InferenceError(f"the network failed: {type(exc).__name__}: {exc}")
        fault.__cause__ = exc
        future.set_exception(fault)


class ThreadPool:
    """See Pool: one worker for each lane.

    Args:
        threads: how many threads one run of a network may use.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._workers = {lane: Worker(lane, threads) for lane in Lane}
        self._loading = threading.Lock()

    def load(self, model: Model) -> None:
        """See Pool."""
        with self._loading:
            loads = [
                worker.call(partial(worker.load, model))
                for worker in self._workers.values()
                if model.manifest.name not in worker.networks
            ]
            try:
                for load in loads:
                    load.result()
            except (StemdError, CancelledError):
                for worker in self._workers.values():
                    worker.networks.pop(model.manifest.name, None)
                raise

    def measure(self, model: Model, segment: int, lane: Lane) -> Sequence[Timing]:
        """See Pool."""
        trial = _trial(segment, spectral=model.spectral)
        worker = self._workers[lane]
        timings = []
        for index in range(len(model.manifest.specialists)):

            def timed(index: int = index) -> float:
                begin = time.perf_counter()
                worker.networks[model.manifest.name][index].run(trial)
                return time.perf_counter() - begin

            # One call a run, so that no stream's segment waits for more than one of them.
            for _ in range(_WARM_RUNS):
                worker.call(timed, sys.maxsize).result()
            seconds: list[float] = []
            while len(seconds) < _TIMED_RUNS[0] or (sum(seconds) < _TIMED_SECONDS and len(seconds) < _TIMED_RUNS[1]):
                seconds.append(worker.call(timed, sys.maxsize).result())
            timings.append(_timing(seconds))
        return timings

    def submit(self, network: NetworkId, segment: Segment, lane: Lane, deadline_ns: int) -> "Future[Estimate]":
        """See Pool."""
        worker = self._workers[lane]

        def run() -> Estimate:
            begin = time.perf_counter()
            stems = worker.networks[network.model][network.index].run(segment)
            return Estimate(stems, time.perf_counter() - begin)

        return worker.call(run, deadline_ns)

    def close(self) -> None:
        """See Pool."""
        for worker in self._workers.values():
            worker.close()


def _timing(seconds: list[float]) -> Timing:
    ranked = sorted(seconds)
    # The nearest rank; of fewer than a hundred runs that is the slowest.
    return Timing(median=ranked[len(ranked) // 2], p99=ranked[-(-99 * len(ranked) // 100) - 1])


def _trial(segment: int, *, spectral: bool) -> Segment:
    """A segment of quiet noise, as long as asked, all of it but the STFT's edge trusted."""
    mixture = np.random.default_rng(0).normal(0, 0.05, (CHANNELS, segment)).astype(np.float32)
    if not spectral:
        return Segment(Span(0, 0, slice(0, segment)), mixture, None)
    spectrum = stft.analyse(np.pad(mixture, ((0, 0), (stft.HALF, 0))))
    return Segment(Span(0, 0, slice(0, segment - stft.HALF)), mixture, spectrum)
