"""The pool in threads: engines release the interpreter's lock while they run, so threads are enough for speed."""

import heapq
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, StemdError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.experience import Experience
from stemd.separation.pool import Estimate, Lane, NetworkId, Timing
from stemd.separation.specialist import Specialist
from stemd.separation.store import Model
from stemd.separation.trial import trial

T = TypeVar("T")

_NICENESS: Final = 19
_WARM_RUNS: Final = 2
_TIMED_RUNS: Final = (8, 100)  # at least, at most
_TIMED_SECONDS: Final = 0.3  # between those, as many as this takes
_SLOW_RUNS: Final = 2  # of a network that takes seconds
_SLOW_SECONDS: Final = 3.0


class Worker:
    """One thread with networks of its own. Jobs wait in a heap by deadline; its length is bounded by who submits."""

    def __init__(self, lane: Lane, options: EngineOptions) -> None:
        self.networks: dict[str, list[Specialist]] = {}
        self._options, self._lane = options, lane
        self._jobs: list[tuple[int, int, int, Callable[[], Any], Future[Any], Callable[[], bool]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=f"stemd-{lane.value}", daemon=True)
        self._thread.start()

    def call(
        self,
        function: Callable[[], T],
        deadline_ns: int = 0,
        rank: int = 0,
        hopeless: Callable[[], bool] = lambda: False,
    ) -> "Future[T]":
        """Run a function in this thread, when nothing goes before it: an earlier deadline, or the same and less rank.

        `hopeless` is asked then; if it is, the future is cancelled.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._closing:
                raise InferenceError("the pool is closed")
            heapq.heappush(self._jobs, (deadline_ns, rank, next(self._order), function, future, hopeless))
            self._changed.notify()
        return future

    def load(self, model: Model) -> None:
        """Open the model's networks; call this in the worker's thread, whose niceness they inherit."""
        self.networks[model.manifest.name] = model.open(self._options)

    def close(self) -> None:
        """Drop what waits, finish what runs."""
        with self._changed:
            self._closing = True
            for *_, future, _ in self._jobs:
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
                *_, function, future, hopeless = heapq.heappop(self._jobs)
            if not future.done() and hopeless():
                future.cancel()
            if future.set_running_or_notify_cancel():
                _settle(future, function)
            del function, future, hopeless  # else the last segment stays in memory while nothing runs


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
        options: how networks run. They do not spin, whatever it says.
    """

    def __init__(self, options: EngineOptions) -> None:
        # Spinning makes a run a little shorter and the event loop, which needs a core too, a lot later.
        self.options = replace(options, spin=False)
        self._workers = {lane: Worker(lane, self.options) for lane in Lane}
        self._experience = Experience()  # of the realtime lane, whose thread alone uses it
        self._loading = threading.Lock()

    def load(self, model: Model) -> None:
        """See Pool."""
        name = model.manifest.name
        with self._loading:
            absent = [worker for worker in self._workers.values() if name not in worker.networks]
            try:
                if absent:
                    self._choose(model)
                # One by one, the realtime lane first: threads that lanes share keep the niceness of their first user.
                for worker in absent:
                    worker.call(partial(worker.load, model)).result()
            except (StemdError, CancelledError):
                for worker in self._workers.values():
                    worker.networks.pop(name, None)
                raise

    def _choose(self, model: Model) -> None:
        """Have the engine chosen where no stream is kept waiting."""
        free = self._workers[Lane.FREE]
        if any(worker.networks for worker in self._workers.values()):
            free.call(partial(model.engine, self.options), sys.maxsize).result()
        else:
            model.engine(self.options)

    def measure(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        """See Pool."""
        sample = trial(plan, spectral=model.spectral)
        worker = self._workers[lane]
        timings = []
        for index in specialists:

            def timed(index: int = index) -> float:
                begin = time.perf_counter()
                worker.networks[model.manifest.name][index].run(sample)
                return time.perf_counter() - begin

            # One call a run, so that no stream's segment waits for more than one of them.
            for _ in range(_WARM_RUNS):
                if worker.call(timed, sys.maxsize).result() > _SLOW_SECONDS / _TIMED_RUNS[0]:
                    break
            seconds: list[float] = []
            while not _enough(seconds):
                seconds.append(worker.call(timed, sys.maxsize).result())
            timings.append(_timing(seconds))
        return timings

    def submit(
        self, network: NetworkId, segment: Segment, lane: Lane, deadline_ns: int, rank: int = 0
    ) -> "Future[Estimate]":
        """See Pool."""
        worker = self._workers[lane]
        known_as = (network, segment.mixture.shape[1])

        def hopeless() -> bool:
            left = (deadline_ns - time.monotonic_ns()) / 1e9
            return lane is Lane.REALTIME and not self._experience.allows(known_as, rank, left)

        def run() -> Estimate:
            begin = time.perf_counter()
            stems = worker.networks[network.model][network.index].run(segment)
            seconds = time.perf_counter() - begin
            if lane is Lane.REALTIME:
                self._experience.note(known_as, rank, seconds)
            return Estimate(stems, seconds)

        return worker.call(run, deadline_ns, rank, hopeless)

    def close(self) -> None:
        """See Pool."""
        for worker in self._workers.values():
            worker.close()


def _enough(seconds: Sequence[float]) -> bool:
    """Whether so many runs tell what a network takes."""
    if sum(seconds) >= _SLOW_SECONDS:
        return len(seconds) >= _SLOW_RUNS
    return len(seconds) >= _TIMED_RUNS[0] and (sum(seconds) >= _TIMED_SECONDS or len(seconds) >= _TIMED_RUNS[1])


def _timing(seconds: list[float]) -> Timing:
    ranked = sorted(seconds)
    # The nearest rank; of fewer than a hundred runs that is the slowest.
    return Timing(median=ranked[len(ranked) // 2], p99=ranked[-(-99 * len(ranked) // 100) - 1])
