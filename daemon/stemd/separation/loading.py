"""Which models the workers of a crew hold: loaded by whoever asks, and again by each new worker."""

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from stemd.dsp.segmenter import Segment
from stemd.errors import ModelLoadError, StemdError
from stemd.separation.pool import Lane, NetworkId
from stemd.separation.seats import Errand, Seat
from stemd.separation.store import Model
from stemd.separation.worker import Worker, WorkerLostError

if TYPE_CHECKING:
    from stemd.separation.crew import Crew

log: Final = logging.getLogger("stemd")
_START_WITHIN: Final = 60.0  # seconds; a new process imports and loads for one or two
_SAMPLES: Final = 16
_FAILURES: Final = 3  # starts of a worker in a row after which nobody waits for it


class Loading:
    """Everything here but `catch_up` blocks, and is called by one thread at a time.

    Args:
        crew: whose workers.
    """

    def __init__(self, crew: "Crew") -> None:
        self.models: dict[str, tuple[Model, str]] = {}  # with the engine's name, by the manifest's key
        self._samples: dict[tuple[NetworkId, int], Segment] = {}  # a segment of each length that networks run
        self._crew = crew

    def choose(self, model: Model) -> str:
        """Have the engine of a model chosen by one of the workers.

        Raises:
            ModelLoadError: none can be used, or no worker is there.
        """
        seat = self._seats()[-1]
        return str(self._do(seat, lambda worker: worker.choose(model)))

    def load(self, model: Model, engine: str) -> None:
        """Let every worker load a model; those that come later do so by themselves.

        Raises:
            ModelLoadError: it cannot be loaded; nobody has it then.
        """
        key = model.manifest.key
        if key in self.models:
            return
        seats = self._seats()
        with self._crew.lock:
            self.models[key] = model, engine
        try:
            for seat in seats:
                self._load_into(seat, model, engine)
        except Exception as exc:
            self.unload(key)
            if isinstance(exc, StemdError):
                raise
            raise ModelLoadError(f"cannot load {model.manifest.name}: {type(exc).__name__}: {exc}") from exc

    def unload(self, key: str) -> None:
        """Let every worker forget a model."""
        with self._crew.lock:
            self.models.pop(key, None)
            self._samples = {known: sample for known, sample in self._samples.items() if known[0].model != key}
            seats = [seat for seat in self._crew.seats if seat.ready and not seat.gone]
        for seat in seats:
            seat.unloadable.pop(key, None)
            with suppress(StemdError):  # a worker that is gone has forgotten everything
                self._do(seat, lambda worker: worker.unload(key))

    def rehearse(self, network: NetworkId, sample: Segment) -> None:
        """Let those who stand by run a segment, now and whenever one is new: the first run of a length takes longer."""
        self._samples[network, sample.mixture.shape[1]] = sample
        while len(self._samples) > _SAMPLES:
            del self._samples[next(iter(self._samples))]
        with self._crew.lock:
            standby = [seat for seat in self._crew.seats if seat.idle and seat is not self._crew.holder]
        for seat in standby:
            with suppress(StemdError):
                self._do(seat, lambda worker: worker.run(network, sample))

    def catch_up(self, seat: Seat, worker: Worker) -> None:
        """Load into a new worker all that the others have, then let it take jobs. What it cannot load it goes without.

        Raises:
            WorkerLostError: it died.
        """
        loaded: set[str] = set()
        while missing := self._missing(seat, loaded):
            self._load_missing(seat, worker, *missing, loaded)

    def _load_missing(self, seat: Seat, worker: Worker, model: Model, engine: str, loaded: set[str]) -> None:
        key = model.manifest.key
        try:
            worker.load(model, engine)
            self._warm_up(worker, key)
            loaded.add(key)
        except WorkerLostError as exc:
            seat.unloadable[key] = str(exc)  # the next one is spared it, else nothing would ever run here again
            raise
        except Exception as exc:
            seat.unloadable[key] = str(exc)
            log.error("%s lane: a new worker goes without %s: %s", self._crew.lane.value, key, exc)

    def _missing(self, seat: Seat, loaded: set[str]) -> tuple[Model, str] | None:
        """A model that a new worker still lacks; if it lacks none, it is ready."""
        with self._crew.lock:
            for key, entry in self.models.items():
                if key not in loaded and key not in seat.unloadable:
                    return entry
            self._crew.is_ready(seat)
            return None

    def _warm_up(self, worker: Worker, key: str) -> None:
        """Run what the others have run, unless nobody else is there and the lane waits for this one."""
        for (network, _), sample in list(self._samples.items()):
            if network.model == key and self._crew.holder:
                worker.run(network, sample)

    def _seats(self) -> list[Seat]:
        """The workers that are ready, those that stand by first; waits for those that are being started.

        Raises:
            ModelLoadError: there is none.
        """
        crew = self._crew
        with crew.lock:
            crew.changed.wait_for(
                lambda: crew.closing or all(s.ready or s.gone or s.failures >= _FAILURES for s in crew.seats),
                _START_WITHIN,
            )
            ready = [seat for seat in crew.seats if seat.ready and not seat.gone]
            if crew.closing or not ready:
                raise ModelLoadError("no worker could be started; the log says why")
            return sorted(ready, key=lambda seat: seat is crew.holder)

    def _load_into(self, seat: Seat, model: Model, engine: str) -> None:
        worker = seat.worker
        assert worker is not None  # noqa: S101 - it is ready
        if worker.aside and self._crew.lane is Lane.REALTIME:
            worker.load(model, engine)  # so that no stream waits for it
            return
        with self._crew.lock:
            if seat is self._crew.holder:
                self._crew.pass_on(seat)
        self._do(seat, lambda worker: worker.load(model, engine))

    def _do(self, seat: Seat, call: Callable[[Worker], Any]) -> Any:
        errand = Errand(call)
        with self._crew.lock:
            if self._crew.closing:
                raise ModelLoadError("the pool is closed")
            seat.errands.append(errand)
            seat.turn.notify()
        try:
            return errand.future.result()
        except CancelledError as exc:
            raise ModelLoadError("the pool is closed") from exc
