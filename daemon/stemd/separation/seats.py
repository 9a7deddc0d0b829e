"""The seat of a worker: its thread, what it has loaded, and what it does now."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.lanes import Job
from stemd.separation.pool import Course, Estimate
from stemd.separation.worker import Worker, WorkerLostError


@dataclass(slots=True, eq=False)
class Run:
    """A job that runs.

    Attributes:
        job: which.
        began: seconds of the monotonic clock.
        usual: what runs of its kind took lately, in seconds; None: nobody knows.
        due: whether somebody waits for it at a known time.
        asked: whether it was asked to end.
        over: whether it was given up; nobody wants what it gives.
    """

    job: Job
    began: float
    usual: float | None
    due: bool
    asked: bool = False
    over: bool = False

    def outcome(self, worker: Worker) -> Estimate | InferenceError:
        """Run it on a worker."""
        begun = time.monotonic_ns()
        try:
            answer = worker.run(self.job.network, self.job.segment)
            course = Course(begun, answer.network_begun, answer.network_ended, time.monotonic_ns())
            return Estimate(answer.stems, course)
        except InferenceError as exc:
            return exc
        except Exception as exc:  # whatever a network raises belongs to its segment alone
            fault = InferenceError(f"the network failed: {type(exc).__name__}: {exc}")
            fault.__cause__ = exc
            return fault


@dataclass(slots=True, eq=False)
class Errand:
    """Something else for a worker to do, in its own thread."""

    call: Callable[[Worker], Any]
    future: "Future[Any]" = field(default_factory=Future)

    def run(self, worker: Worker) -> None:
        """Do it; what goes wrong is for whoever waits, and a worker that is lost for its seat as well.

        Raises:
            WorkerLostError: the worker died.
        """
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.call(worker))
        except WorkerLostError as exc:
            self.future.set_exception(ModelLoadError(f"a model cannot be loaded: {exc}"))
            raise
        except Exception as exc:
            self.future.set_exception(exc)


@dataclass(slots=True, eq=False)
class Seat:
    """See the module; everything in it belongs to the crew's lock.

    Attributes:
        worker: None until it was started.
        turn: what its thread waits on.
        ready: whether the worker takes jobs.
        busy: whether it does something.
        gone: whether it was given up with its thread, which nothing can end.
        starts: how often a worker was ready here.
        failures: starts that failed, in a row.
        run: the job that runs.
        errands: what else it has to do, before any job.
        unloadable: of models that a new worker here could not load, by key: why.
    """

    turn: threading.Condition
    worker: Worker | None = None
    thread: threading.Thread | None = None
    ready: bool = False
    busy: bool = False
    gone: bool = False
    starts: int = 0
    failures: int = 0
    run: Run | None = None
    errands: deque[Errand] = field(default_factory=deque)
    unloadable: dict[str, str] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Whether it could take a job now."""
        return self.ready and not self.gone and not self.busy and not self.errands

    def dismiss(self, fault: Exception) -> None:
        """Say to everybody who waits for an errand that it will not be done."""
        while self.errands:
            errand = self.errands.popleft()
            if errand.future.set_running_or_notify_cancel():
                errand.future.set_exception(fault)
