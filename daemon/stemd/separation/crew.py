"""The workers of one lane. One of them holds the lane and takes its jobs; whoever is late or lost forfeits it.

Each worker has a seat, which is a thread: that of the networks themselves, or the one that waits for a process. The
crew's watcher (see `watcher`) looks after what runs.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.experience import Experience
from stemd.separation.lanes import NEVER, Job, Waiting
from stemd.separation.loading import Loading
from stemd.separation.patience import BackOff, Habits, Patience, Spares
from stemd.separation.pool import Estimate, Health, Lane
from stemd.separation.seats import Errand, Run, Seat
from stemd.separation.watcher import Watcher
from stemd.separation.worker import Worker, WorkerLostError

log: Final = logging.getLogger("stemd")
CLOSED: Final = "the pool is closed"
_LOSSES: Final = 1  # workers that one job may cost before its network has to wait
_STARTS: Final = 3  # workers that a seat may lose in a row before it waits
_PRESSED: Final = 2.0  # times what a run usually takes: so much before its deadline it should begin
_CLOSE_WITHIN: Final = (0.3, 1.0)  # seconds for what runs: to end by itself, and when it was asked to


class Crew:
    """See the module.

    Args:
        lane: whose jobs they run.
        new_worker: makes one, not started yet.
        patience: how long a run is waited for.
        seats: workers; all but one stand by.
        spares: for workers that cannot be ended.
    """

    def __init__(
        self, lane: Lane, new_worker: Callable[[], Worker], patience: Patience, seats: int, spares: Spares
    ) -> None:
        self.lane, self.patience, self.spares = lane, patience, spares
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)  # seats became ready or failed, or the crew is closing
        self.waiting = Waiting()
        self.seats: list[Seat] = []
        self.holder: Seat | None = None
        self.hung = self.lost = self.restarts = 0
        self.broken = self.closing = False
        self.loading = Loading(self)
        self._new_worker = new_worker
        self._experience, self._habits = Experience(), Habits()
        self._losses = BackOff(_LOSSES)
        self._deserted: float | None = time.monotonic()  # since when nobody has been ready
        with self.lock:
            for _ in range(seats):
                self.add_seat()
        self.watcher = Watcher(self)

    def add_seat(self) -> None:
        """One worker more; its thread begins to start it."""
        seat = Seat(threading.Condition(self.lock))
        seat.thread = threading.Thread(target=self._work, args=(seat,), name=f"stemd-{self.lane.value}", daemon=True)
        self.seats.append(seat)
        seat.thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; one too many fails at once.

        Raises:
            InferenceError: the pool is closed.
        """
        with self.lock:
            if self.closing:
                raise InferenceError(CLOSED)
            taken = self.waiting.push(job)
            if taken and self.holder:
                self.holder.turn.notify()
        if not taken:
            words = f"{len(self.waiting)} segments wait already in the {self.lane.value} lane"
            job.settle(InferenceError(words))

    def health(self) -> Health:
        """See Pool."""
        with self.lock:
            now = time.monotonic()
            oldest = max((now - seat.run.began for seat in self.seats if seat.run), default=0.0)
            deserted = self._deserted is not None and now - self._deserted > self.patience.free
            answers = not self.broken and not deserted and (self.closing or self.watcher.alive())
            return Health(len(self.waiting), oldest, self.hung, self.lost, self.restarts, answers)

    def close(self) -> None:
        """Drop what waits, let what runs end, or make it; then end the workers."""
        with self.lock:
            self.closing = True
            dropped = list(self.waiting.drain())
            self.wake()
        for job in dropped:
            job.give_up(CLOSED)
        self.watcher.close()
        threads = [seat.thread for seat in self.seats if seat.thread and not seat.gone]
        _join(threads, _CLOSE_WITHIN[0])
        for seat in self.seats:
            if seat.worker:
                seat.worker.interrupt()
        _join(threads, _CLOSE_WITHIN[1])
        for seat in self.seats:
            if seat.worker and seat.thread in threads and seat.thread.is_alive():
                seat.worker.kill()
        _join(threads, _CLOSE_WITHIN[1])
        with self.lock:
            for run in [seat.run for seat in self.seats if seat.run and not seat.run.over]:
                run.over = True
                run.job.give_up(CLOSED)

    def wake(self) -> None:
        """Let every thread look at what has changed."""
        self.changed.notify_all()
        for seat in self.seats:
            seat.turn.notify()

    def pass_on(self, seat: Seat) -> bool:
        """Let a standby hold the lane instead of a seat; False where none is there."""
        standby = next((other for other in self.seats if other is not seat and other.idle), None)
        if standby is None:
            return False
        if self.holder is seat or self.holder is None:
            self.holder = standby
            standby.turn.notify()
        return True

    def pressed(self, now: float) -> bool:
        """Whether the next job has no more time to wait."""
        job = self.waiting.first
        return job is not None and job.deadline_ns / 1e9 - now <= _PRESSED * (self._habits.usual(job.kind) or 0.0)

    def is_ready(self, seat: Seat) -> None:
        """A seat's worker has been started, and takes jobs."""
        seat.ready, seat.failures, self._deserted = True, 0, None
        self.restarts += seat.starts > 0
        seat.starts += 1
        self.holder = self.holder or seat
        self.wake()

    def is_not_ready(self, seat: Seat) -> None:
        """A seat's worker takes no more jobs."""
        seat.ready = False
        if self.holder is seat:
            self.holder = None
            self.pass_on(seat)
        if not any(other.ready and not other.gone for other in self.seats):
            self._deserted = self._deserted or time.monotonic()
        self.wake()

    def _work(self, seat: Seat) -> None:
        """What a seat's thread does: start a worker, attend to it until it is lost, and again."""
        starts = BackOff(_STARTS)
        while not self._stopped(seat):
            worker = self._new_worker()
            try:
                seat.worker = worker
                worker.start()
                self.loading.catch_up(seat, worker)
                while task := self._next(seat):
                    if isinstance(task, Errand):
                        task.run(worker)
                    else:
                        self._run(seat, worker, task)
                        starts.succeeded(seat)
            except Exception as exc:
                self._mourn(seat, exc)
                starts.failed(seat, time.monotonic())
            finally:
                worker.close()
            with self.lock:
                seat.turn.wait_for(lambda: self._stopped(seat), starts.pause(seat, time.monotonic()))
        seat.dismiss(InferenceError(CLOSED))

    def _stopped(self, seat: Seat) -> bool:
        return self.closing or seat.gone

    def _mourn(self, seat: Seat, exc: Exception) -> None:
        with self.lock:
            if self._stopped(seat):
                return
            self.lost += 1
            seat.failures += 1
            self.is_not_ready(seat)
            seat.dismiss(ModelLoadError(f"a worker was lost before it could load it: {exc}"))
        # Anything else is a fault of ours, which must not leave the lane without a worker either.
        ours = None if isinstance(exc, WorkerLostError) else exc
        log.warning("%s lane: %s; another takes its place", self.lane.value, exc, exc_info=ours)

    def _next(self, seat: Seat) -> Run | Errand | None:
        """What a seat has to do; None where it has to stop.

        Raises:
            WorkerLostError: its worker died while it had nothing to do.
        """
        with self.lock:
            while True:
                seat.busy = False
                self.holder = self.holder or (seat if seat.ready else None)
                seat.turn.wait_for(
                    lambda: (
                        self._stopped(seat) or not seat.ready or seat.errands or (self.holder is seat and self.waiting)
                    )
                )
                if self._stopped(seat):
                    return None
                if not seat.ready:
                    raise WorkerLostError("a worker died while it had nothing to do")
                seat.busy = True
                if seat.errands:
                    return seat.errands.popleft()
                if run := self._begin(seat, self.waiting.pop()):
                    return run

    def _begin(self, seat: Seat, job: Job) -> Run | None:
        now = time.monotonic()
        due = self.lane is Lane.REALTIME and job.deadline_ns != NEVER
        left = job.deadline_ns / 1e9 - now
        if due and not job.future.done() and not self._experience.allows(job.kind, job.rank, left):
            job.give_up("its worker was lost, and it would have been too late to run it once more")
        if job.future.done() or not job.begin():
            return None
        if pause := self._losses.pause(job.network, now):
            job.give_up(
                f"network {job.network.index} of {job.network.model} cost several workers in a row; "
                f"it is tried again in {pause:.0f} s"
            )
            return None
        seat.run = Run(job, now, self._habits.usual(job.kind), due)
        self.watcher.heed(seat.run)
        return seat.run

    def _run(self, seat: Seat, worker: Worker, run: Run) -> None:
        outcome = run.outcome(worker)
        with self.lock:
            seat.run = None
            outcome = self._learn(run, outcome)
            lost = isinstance(outcome, WorkerLostError)
            seen_to = run.over or seat.gone or (lost and self._once_more(run))
        if not seen_to:
            run.job.settle(outcome)
        if isinstance(outcome, WorkerLostError):
            raise outcome

    def _learn(self, run: Run, outcome: Estimate | InferenceError) -> Estimate | InferenceError:
        """Remember how a run went; what came of it, in words where it was asked to end."""
        job, elapsed = run.job, time.monotonic() - run.began
        if isinstance(outcome, Estimate):
            self._losses.succeeded(job.network)
            self._habits.note(job.kind, outcome.seconds)
        elif isinstance(outcome, WorkerLostError):
            self._losses.failed(job.network, time.monotonic())
            return outcome
        elif run.asked:
            outcome = InferenceError(f"the network took longer than {elapsed:.2f} s for a segment, and was stopped")
        if run.due and (run.asked or isinstance(outcome, Estimate)):
            self._experience.note(job.kind, job.rank, outcome.seconds if isinstance(outcome, Estimate) else elapsed)
        return outcome

    def _once_more(self, run: Run) -> bool:
        """Queue a job again whose worker was lost, if it may still be ready in time."""
        job = run.job
        job.losses += 1
        if self.closing or job.losses > 1 or (run.due and time.monotonic_ns() >= job.deadline_ns):
            return False
        return self.waiting.push(job)


def _join(threads: list[threading.Thread], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
