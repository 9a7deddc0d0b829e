"""The pool whose workers are servers elsewhere: see `stemd.separation.pool.Pool`.

Segments wait here, earliest deadline first, until a server has room; so servers need no order of their own. A thread
with an event loop holds the connections.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any, Final, TypeVar

from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.engines import SERVERS
from stemd.separation.experience import Experience
from stemd.separation.lanes import NEVER, Job, Waiting
from stemd.separation.patience import Patience
from stemd.separation.pool import Capacity, Estimate, Health, Lane, NetworkId, Pool, Server, Timing
from stemd.separation.remote.endpoints import Endpoint, choose
from stemd.separation.remote.faults import EndpointLostError
from stemd.separation.remote.fleet import Fleet
from stemd.separation.remote.journey import Journey
from stemd.separation.remote.link import Access
from stemd.separation.remote.timing import in_turn
from stemd.separation.store import Model
from stemd.separation.trial import trial

log: Final = logging.getLogger("stemd")
CLOSED: Final = "the pool is closed"
_CLOSE_WITHIN: Final = 3.0
_LOSSES: Final = 3  # of the servers that a segment was sent to, all at a time, after which it is given up
T = TypeVar("T")


class TritonPool:
    """See Pool.

    Args:
        addresses: of the endpoints, `host:port`.
        parallel: segments of one network that an endpoint runs at a time.
        access: how they are reached.
        patience: how long runs are waited for.
        fallback: runs what no endpoint can, and has every model loaded, too; None: nobody. It is not closed here.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        parallel: int,
        access: Access,
        patience: Patience | None = None,
        fallback: Pool | None = None,
    ) -> None:
        self._patience, self._fallback = patience or Patience(), fallback
        self.fleet = Fleet(addresses, parallel, access, self._patience.free, self._dispatch)
        self._models: dict[str, Model] = {}
        self._waiting = {lane: Waiting() for lane in Lane}
        self._running: dict[Lane, dict[Job, float]] = {lane: {} for lane in Lane}  # since when
        self._experience = Experience()
        self._lock = threading.Lock()  # of what waits, and of `_closing`
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._journeys = {
            lane: Journey(lane, self.fleet.endpoints, self.fleet.run, self._patience, self.fleet) for lane in Lane
        }
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stemd-triton", daemon=True)
        self._thread.start()

    def load(self, model: Model) -> None:
        """See Pool: see who has it. An endpoint that has not, or does not answer, is looked at again later."""
        manifest = model.manifest
        if manifest.key in self._models:
            return
        if self._fallback:
            self._fallback.load(model)
        faults = "; ".join(self._do(self.fleet.learn(model)))
        if not self.fleet.able(*_networks(model)):
            if self._fallback is None:
                self._do(self._forget(manifest.key))
                raise ModelLoadError(f"no server has all of model {manifest.name!r}: {faults}")
            log.warning("no server has %s, it runs here: %s", manifest.name, faults, extra={"engine": SERVERS})
        self._models[manifest.key] = model

    def unload(self, key: str) -> None:
        """See Pool. The servers keep it."""
        if self._models.pop(key, None):
            self._do(self._forget(key))
            if self._fallback:
                self._fallback.unload(key)

    async def _forget(self, key: str) -> None:
        self.fleet.forget(key)

    def engines(self) -> Mapping[str, str]:
        """See Pool."""
        return dict.fromkeys(self._models, SERVERS)

    def capacity(self, key: str) -> Capacity:
        """See Pool: all endpoints together that have the model and do not rest."""
        able = self.fleet.able(*_networks(self._models[key])) if key in self._models else []
        return Capacity(SERVERS, max(1, sum(each.parallel for each in able)))

    def measure(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        """See Pool: with the way there and back, over all endpoints in turn."""
        sample = trial(plan, spectral=model.spectral)
        timings = []
        for index in specialists:
            network = NetworkId(model.manifest.key, index)
            self.fleet.samples[network] = sample
            able = self.fleet.able(network)
            try:
                if not able:
                    raise InferenceError(self.fleet.trouble(network))
                timings.append(in_turn(partial(self._timed, Job(network, sample)), able))
            except InferenceError:
                if self._fallback is None:
                    raise
                timings += self._fallback.measure(model, plan, lane, [index])
        return timings

    def _timed(self, job: Job, endpoint: Endpoint) -> float:
        estimate = self._do(self.fleet.run(job, endpoint, self._patience.free))
        endpoint.answered(job.kind, estimate.seconds)
        return estimate.seconds

    def submit(
        self, network: NetworkId, segment: Segment, lane: Lane, deadline_ns: int, rank: int = 0
    ) -> "Future[Estimate]":
        """See Pool."""
        job = Job(network, segment, deadline_ns, rank)
        with self._lock:
            if self._closing:
                raise InferenceError(CLOSED)
            taken = self._waiting[lane].push(job)
        if taken:
            self._loop.call_soon_threadsafe(self._dispatch)
        else:
            job.settle(InferenceError(f"too many segments wait already in the {lane.value} lane"))
        return job.future

    def _dispatch(self) -> None:
        """Give what waits to those who have room, the realtime lane first."""
        for lane in (Lane.REALTIME, Lane.FREE):
            held: list[Job] = []
            while job := self._next(lane):
                if endpoint := choose(self.fleet.endpoints, job.network, job.kind, lane):
                    self._send(job, lane, endpoint)
                elif self._may_wait(job, lane):
                    held.append(job)
                elif job.begin():
                    self._fall_back(job, lane, InferenceError(self.fleet.trouble(job.network)))
            with self._lock:
                dropped = [job for job in held if self._closing or not self._waiting[lane].push(job)]
            for job in dropped:
                job.give_up(CLOSED if self._closing else f"too many segments wait already in the {lane.value} lane")

    def _next(self, lane: Lane) -> Job | None:
        with self._lock:
            while self._waiting[lane].first:
                job = self._waiting[lane].pop()
                if not job.future.done():
                    return job
        return None

    def _may_wait(self, job: Job, lane: Lane) -> bool:
        """Whether somebody who is there has the network, and only no room; or may come back in time."""
        if self.fleet.able(job.network):
            return True
        waited = (time.monotonic_ns() - job.deadline_ns) / 1e9  # the deadline in the free lane is when it came
        return self._fallback is None and waited < (self._patience.free if lane is Lane.FREE else 0.0)

    def _send(self, job: Job, lane: Lane, endpoint: Endpoint) -> None:
        left = job.deadline_ns / 1e9 - time.monotonic()
        if _due(job, lane) and not self._experience.allows(job.kind, job.rank, left):
            job.give_up("it would have been too late")
        elif job.begin():
            endpoint.busy[job.network] += 1  # at once, for the next one is chosen before this one is on its way
            task = self._loop.create_task(self._settle(job, lane, endpoint))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _settle(self, job: Job, lane: Lane, endpoint: Endpoint) -> None:
        self._running[lane][job] = time.monotonic()
        try:
            estimate = await self._journeys[lane].travel(job, endpoint)
            if _due(job, lane):
                self._experience.note(job.kind, job.rank, estimate.seconds)
            job.settle(estimate)
        except InferenceError as exc:
            if not (isinstance(exc, EndpointLostError) and self._waits_again(job, lane)):
                self._fall_back(job, lane, exc)
        except asyncio.CancelledError:
            job.give_up(CLOSED)
            raise
        except Exception as exc:
            log.exception("a segment could not be sent", extra={"engine": SERVERS})
            job.settle(InferenceError(f"a segment could not be sent: {exc!r}"))
        finally:
            del self._running[lane][job]

    def _waits_again(self, job: Job, lane: Lane) -> bool:
        """Whether it waits for somebody who is back in time: behind a balancer's address another may be at once."""
        if job.losses >= _LOSSES or not self._may_wait(job, lane):
            return False
        job.losses += 1
        with self._lock:
            waits = not self._closing and self._waiting[lane].push(job)
        if waits:
            self._loop.call_soon(self._dispatch)
            if _due(job, lane):  # it is looked for again then, and found too late
                self._loop.call_later(max(0.0, job.deadline_ns / 1e9 - time.monotonic()), self._dispatch)
        return waits

    def _fall_back(self, job: Job, lane: Lane, fault: InferenceError) -> None:
        """Run it here, where that is wanted and there is time."""
        if self._fallback is None or (_due(job, lane) and time.monotonic_ns() >= job.deadline_ns):
            job.settle(fault)
            return
        try:
            future = self._fallback.submit(job.network, job.segment, lane, job.deadline_ns, job.rank)
        except InferenceError:
            job.settle(fault)
        else:
            future.add_done_callback(partial(_passed_on, job, fault))

    def health(self) -> Mapping[Lane, Health]:
        """See Pool. What is lost, and comes back, are endpoints; a new pool would not help."""
        now = time.monotonic()
        lost = sum(each.failures for each in self.fleet.endpoints)
        returns = sum(each.returns for each in self.fleet.endpoints)
        oldest = {
            lane: max((now - began for began in list(jobs.values())), default=0.0)
            for lane, jobs in self._running.items()
        }
        return {lane: Health(len(self._waiting[lane]), oldest[lane], lost=lost, restarts=returns) for lane in Lane}

    def servers(self) -> Sequence[Server]:
        """See Pool."""
        models = list(self._models.values())
        return [
            Server(
                each.address,
                not each.resting,
                each.trouble,
                sum(list(each.busy.values())),  # they change in another thread
                tuple(model.manifest.name for model in models if each.networks.issuperset(_networks(model))),
                each.failures,
                each.returns,
            )
            for each in self.fleet.endpoints
        ]

    def close(self) -> None:
        """See Pool."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            dropped = [job for lane in Lane for job in self._waiting[lane].drain()]
        for job in dropped:
            job.give_up(CLOSED)
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_WITHIN)
        if not self._thread.is_alive():
            self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}  # those of other threads that wait here, too
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.fleet.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it on the event loop of the connections, from another thread."""
        with self._lock:
            if self._closing:
                work.close()
                raise InferenceError(CLOSED)
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError as exc:
            raise InferenceError(CLOSED) from exc


def _networks(model: Model) -> list[NetworkId]:
    return [NetworkId(model.manifest.key, index) for index in range(len(model.manifest.specialists))]


def _due(job: Job, lane: Lane) -> bool:
    """Whether somebody waits for it at a known time."""
    return lane is Lane.REALTIME and job.deadline_ns != NEVER


def _passed_on(job: Job, fault: InferenceError, done: "Future[Estimate]") -> None:
    """What came of a job elsewhere is what comes of it."""
    if done.cancelled():
        job.settle(fault)
    elif exc := done.exception():
        job.settle(exc if isinstance(exc, InferenceError) else InferenceError(str(exc)))
    else:
        job.settle(done.result())
