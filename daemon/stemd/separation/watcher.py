"""Looks after what runs in a lane: passes the lane on, asks a run to end, ends it by force, replaces its worker."""

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.seats import Run, Seat
from stemd.separation.worker import Worker

if TYPE_CHECKING:
    from stemd.separation.crew import Crew

log: Final = logging.getLogger("stemd")
_GRACE: Final = 1.0  # seconds from asking a run to end to ending it by force
_LOOK: Final = 0.5  # seconds between two looks at workers that have nothing to do
_SOONEST: Final = 0.005
_OVERSLEPT: Final = 0.1  # seconds; then the whole machine stood still, which is no run's fault


class Watcher:
    """A thread. It looks when the first limit of what runs may be over, and rests while nothing runs.

    Args:
        crew: whom to watch.
    """

    def __init__(self, crew: "Crew") -> None:
        self._crew = crew
        self._news = threading.Condition(crew.lock)
        self._until = 0.0  # when it looks again
        self._thread = threading.Thread(target=self._work, name=f"stemd-{crew.lane.value}-watch", daemon=True)
        self._thread.start()

    def alive(self) -> bool:
        """Whether it still watches."""
        return self._thread.is_alive()

    def heed(self, run: Run) -> None:
        """Say that something runs now; the caller has the crew's lock."""
        if run.began + self._first(run) < self._until:
            self._news.notify()

    def close(self) -> None:
        """End it; the crew is closing."""
        with self._crew.lock:
            self._news.notify()
        self._thread.join()

    def _work(self) -> None:
        with self._crew.lock:
            while not self._crew.closing:
                now = time.monotonic()
                soonest = min((self._look(seat, seat.run, now) for seat in self._crew.seats if seat.run), default=None)
                self._look_for_the_dead()
                wait = _LOOK if soonest is None else min(_LOOK, max(_SOONEST, soonest))
                self._until = now + wait
                if not self._news.wait(wait):  # nobody woke it
                    self._forgive(time.monotonic() - now - wait)

    def _first(self, run: Run) -> float:
        """Seconds from a run's begin to the first look at it."""
        patience = self._crew.patience
        return patience.late(run.usual) if run.due else patience.hung(run.usual, due=False)

    def _look(self, seat: Seat, run: Run, now: float) -> float:
        """Do what has to be done about a run; seconds until the next look at it."""
        crew, elapsed = self._crew, now - run.began
        late, hung = crew.patience.late(run.usual), crew.patience.hung(run.usual, due=run.due)
        if run.due and elapsed >= late and not run.asked:
            passed = crew.holder is not seat or crew.pass_on(seat)
            overdue = time.monotonic_ns() >= run.job.deadline_ns
            # Nobody wants it once it is overdue; and before, it should cost nobody else his segment.
            enough = elapsed >= crew.patience.enough(run.usual)
            if overdue or (not passed and (crew.pressed(now) or (enough and crew.waiting))):
                self._ask(run)
        if elapsed >= hung and not run.asked:
            self._ask(run)
        if run.asked and seat.worker:  # at each look: what is asked before it has really begun does not hear it
            _interrupt(seat.worker)
        if run.asked and elapsed >= hung + _GRACE:
            self._end(seat, run, elapsed)
        if run.due and not run.asked:
            return late - elapsed if elapsed < late else _SOONEST
        return hung - elapsed if elapsed < hung else hung + _GRACE - elapsed

    def _ask(self, run: Run) -> None:
        run.asked = True
        self._crew.hung += 1

    def _end(self, seat: Seat, run: Run, elapsed: float) -> None:
        """Give a run up, and its worker with it."""
        crew = self._crew
        if run.over:
            return
        run.over = True
        log.warning("%s lane: a segment has run for %.1f s and does not end; it is given up", crew.lane.value, elapsed)
        run.job.settle(InferenceError(f"the network took longer than {elapsed:.1f} s for a segment, and was given up"))
        assert seat.worker is not None  # noqa: S101 - it runs something
        if seat.worker.kill():
            return  # the seat's thread will see that it has lost its worker
        seat.gone, seat.run = True, None
        seat.dismiss(ModelLoadError("a worker hung before it could load it"))
        crew.is_not_ready(seat)
        if crew.spares.take():
            crew.restarts += 1
            crew.add_seat()
        else:
            crew.broken = True
            log.critical("%s lane: too many threads hang in networks; only a restart helps", crew.lane.value)

    def _look_for_the_dead(self) -> None:
        """Workers that died with nothing to do are replaced before somebody needs them."""
        for seat in self._crew.seats:
            if seat.ready and not seat.busy and seat.worker and not seat.worker.alive():
                self._crew.is_not_ready(seat)

    def _forgive(self, overslept: float) -> None:
        if overslept > _OVERSLEPT:
            for seat in self._crew.seats:
                if seat.run:
                    seat.run.began += overslept


def _interrupt(worker: Worker) -> None:
    try:
        worker.interrupt()
    except Exception:  # whatever an engine does here, the watcher has to go on
        log.exception("a run could not be asked to end")
