"""How a segment finds a server that runs it, and another one while its deadline allows. Runs on one event loop."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from stemd.errors import InferenceError
from stemd.separation.lanes import NEVER, Job
from stemd.separation.patience import Patience
from stemd.separation.pool import Estimate, Lane
from stemd.separation.remote.endpoints import Endpoint, choose
from stemd.separation.remote.faults import EndpointLateError, EndpointLostError

ATTEMPTS: Final = 3  # times that one segment may be sent
_LOOK_AGAIN: Final = 0.02  # seconds, while nobody has room for a segment that takes too long where it is
_HEADROOM: Final = 1.3  # times what a run usually takes: so long before the deadline it should begin


class Ask(Protocol):
    """Sends a job to an endpoint."""

    async def __call__(self, job: Job, endpoint: Endpoint, within: float) -> Estimate:
        """What the endpoint makes of it.

        Raises:
            EndpointLostError: no answer within `within` seconds.
            InferenceError: a bad one.
        """
        ...


class Events(Protocol):
    """What a journey tells of the endpoints that it passes."""

    def freed(self) -> None:
        """One has room again."""
        ...

    def fell(self, endpoint: Endpoint, why: str) -> None:
        """Nobody answers there, or what is answered is of no use."""
        ...

    def doubted(self, endpoint: Endpoint) -> None:
        """It was late too often."""
        ...


@dataclass(frozen=True, slots=True)
class Journey:
    """Of the segments of one lane.

    Attributes:
        lane: whose jobs travel.
        endpoints: all that there are.
        ask: sends a job.
        patience: how long runs are waited for that have no deadline.
        events: told of endpoints.
        clock: seconds of CLOCK_MONOTONIC.
    """

    lane: Lane
    endpoints: Sequence[Endpoint]
    ask: Ask
    patience: Patience
    events: Events
    clock: Callable[[], float] = time.monotonic

    async def travel(self, job: Job, first: Endpoint) -> Estimate:
        """What a server made of a job.

        It is sent to the first, whose place is taken already; to another as soon as that one fails, or when it has
        taken so long that another one would only just make it. The first good answer is taken. Where there is no other
        endpoint, the same one is another if it has an idle place: behind its address there may be several servers.

        Raises:
            InferenceError: nobody gave a good answer in time.
        """
        tried: list[Endpoint] = []
        running: dict[asyncio.Task[Estimate], tuple[Endpoint, float]] = {}  # since when
        fault = InferenceError("no server could be asked in time")
        following: Endpoint | None = first
        try:
            while True:
                if following:
                    following.busy[job.network] += bool(tried)  # the first one's place is taken already
                    tried.append(following)
                    asked_at = self.clock()
                    running[asyncio.create_task(self._ask(job, following))] = following, asked_at
                if not running:
                    raise fault
                done, _ = await asyncio.wait(
                    running, timeout=self._wait(job, tried, asked_at), return_when=asyncio.FIRST_COMPLETED
                )
                for asked in done:
                    endpoint, _ = running.pop(asked)
                    try:
                        estimate = asked.result()
                    except InferenceError as exc:
                        fault = exc
                        self._failed(endpoint, exc)
                    else:
                        endpoint.answered(job.kind, estimate.seconds)
                        for overtaken, since in running.values():
                            overtaken.overtaken(job.kind, self.clock() - since)
                            self._failed(overtaken, EndpointLateError())
                        return estimate
                following = self._another(job, tried, fault if done else None)
        finally:
            for asked in running:
                asked.cancel()
                asked.add_done_callback(_hear)

    async def _ask(self, job: Job, endpoint: Endpoint) -> Estimate:
        try:
            return await self.ask(job, endpoint, self._left(job, endpoint))
        finally:
            endpoint.busy[job.network] -= 1
            self.events.freed()

    def _failed(self, endpoint: Endpoint, fault: InferenceError) -> None:
        if endpoint.resting:
            return  # as one of several that it had
        if isinstance(fault, EndpointLostError):
            self.events.fell(endpoint, str(fault))
        elif endpoint.erred():
            if isinstance(fault, EndpointLateError):
                self.events.doubted(endpoint)
            else:
                self.events.fell(endpoint, str(fault))

    def _another(self, job: Job, tried: Sequence[Endpoint], fault: InferenceError | None = None) -> Endpoint | None:
        """Who is asked now, too; None: nobody, or nobody could make it. `fault`: of the one that failed just now."""
        if len(tried) >= ATTEMPTS:
            return None
        pick = partial(choose, self.endpoints, job.network, job.kind)
        # Where one failed, nothing runs twice, and the other need not have room; it will have less to wait for.
        other = pick(None if fault else Lane.REALTIME, tried)
        if pick(None, tried) is None and not isinstance(fault, EndpointLateError):
            other = pick(Lane.FREE)  # any that has an idle place
        if other is None or self._left(job, other) < (other.usual(job.kind) or 0.0):
            return None
        return other

    def _left(self, job: Job, endpoint: Endpoint) -> float:
        """For how many seconds an endpoint's answer is waited for."""
        if job.deadline_ns != NEVER and self.lane is Lane.REALTIME:
            return max(0.0, job.deadline_ns / 1e9 - self.clock())
        return self.patience.hung(endpoint.usual(job.kind), due=False)

    def _wait(self, job: Job, tried: Sequence[Endpoint], since: float) -> float | None:
        """After how many seconds somebody else is asked, although nobody has failed; None: never.

        `since`: when the last one was asked.
        """
        usual, due = tried[-1].usual(job.kind), job.deadline_ns != NEVER and self.lane is Lane.REALTIME
        late = self.patience.late(usual) - (self.clock() - since)
        if other := self._another(job, tried):
            latest = self._left(job, other) - _HEADROOM * (other.usual(job.kind) or usual or 0.0)
            return max(0.0, min(late, latest) if due else late) if due or usual else None
        if len(tried) < ATTEMPTS and choose(self.endpoints, job.network, job.kind, None, tried):
            return max(_LOOK_AGAIN, late)  # there may be room by then
        return None


def _hear(asked: asyncio.Task[Estimate]) -> None:
    """Whatever came of one that was overtaken, nobody waits for it; asyncio would complain of a fault unheard."""
    if not asked.cancelled():
        asked.exception()
