"""A pool of workers, whatever they are: a crew for each lane."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Final

from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, StemdError
from stemd.separation.crew import CLOSED, Crew
from stemd.separation.lanes import NEVER, Job
from stemd.separation.patience import Patience, Spares
from stemd.separation.pool import Capacity, Estimate, Health, Lane, NetworkId, Server, Timing
from stemd.separation.store import Model
from stemd.separation.timing import SLOW, enough, timing
from stemd.separation.trial import trial
from stemd.separation.worker import Worker

_WARM_RUNS: Final = 2


class WorkerPool:
    """See Pool.

    Args:
        new_worker: makes a worker for a lane.
        patience: how long runs are waited for.
        seats: workers, by lane; all but one of a lane stand by.
        spares: how many workers may be replaced that cannot be ended; None: any number.
    """

    def __init__(
        self,
        new_worker: Callable[[Lane], Worker],
        patience: Patience,
        seats: Mapping[Lane, int],
        spares: int | None,
    ) -> None:
        shared = Spares(spares)
        self.crews = {lane: Crew(lane, partial(new_worker, lane), patience, seats[lane], shared) for lane in Lane}
        self._loading = threading.Lock()

    def load(self, model: Model) -> None:
        """See Pool."""
        with self._loading:
            if all(model.manifest.key in crew.loading.models for crew in self.crews.values()):
                return
            # Where no stream is kept waiting; but what is loaded first decides how threads are niced that all share.
            fresh = not any(crew.loading.models for crew in self.crews.values())
            engine = self.crews[Lane.REALTIME if fresh else Lane.FREE].loading.choose(model)
            try:
                for crew in self.crews.values():  # the realtime lane first, for the same reason
                    crew.loading.load(model, engine)
            except StemdError:
                self._unload(model.manifest.key)
                raise

    def unload(self, key: str) -> None:
        """See Pool."""
        with self._loading:
            self._unload(key)

    def _unload(self, key: str) -> None:
        for crew in self.crews.values():
            crew.loading.unload(key)

    def engines(self) -> Mapping[str, str]:
        """See Pool."""
        return {key: engine for key, (_, engine) in list(self.crews[Lane.FREE].loading.models.items())}

    def capacity(self, key: str) -> Capacity:  # noqa: ARG002 - all models have the same worker
        """See Pool: one worker, whatever the model."""
        return Capacity()

    def measure(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        """See Pool."""
        sample = trial(plan, spectral=model.spectral)
        timings = []
        for index in specialists:
            network = NetworkId(model.manifest.key, index)
            # One job a run, so that no stream's segment waits for more than one of them.
            for _ in range(_WARM_RUNS):
                if self._timed(network, sample, lane) > SLOW:
                    break
            seconds: list[float] = []
            while not enough(seconds):
                seconds.append(self._timed(network, sample, lane))
            timings.append(timing(seconds))
            self.crews[lane].loading.rehearse(network, sample)
        return timings

    def _timed(self, network: NetworkId, sample: Segment, lane: Lane) -> float:
        # Behind whatever somebody waits for; but a free lane may never be empty, so there it takes its turn.
        job = Job(network, sample, NEVER if lane is Lane.REALTIME else time.monotonic_ns())
        self.crews[lane].submit(job)
        try:
            return job.future.result().seconds
        except CancelledError as exc:
            raise InferenceError(CLOSED) from exc

    def submit(
        self, network: NetworkId, segment: Segment, lane: Lane, deadline_ns: int, rank: int = 0
    ) -> "Future[Estimate]":
        """See Pool."""
        job = Job(network, segment, deadline_ns, rank)
        self.crews[lane].submit(job)
        return job.future

    def health(self) -> Mapping[Lane, Health]:
        """See Pool."""
        return {lane: crew.health() for lane, crew in self.crews.items()}

    def servers(self) -> Sequence[Server]:
        """See Pool: none."""
        return ()

    def close(self) -> None:
        """See Pool."""
        for crew in self.crews.values():
            crew.close()
