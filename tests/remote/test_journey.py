"""Laws of how a segment finds a server: with endpoints that answer as they are told to."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from stemd.errors import InferenceError
from stemd.separation.lanes import NEVER, Job
from stemd.separation.patience import Patience
from stemd.separation.pool import Course, Estimate, Lane, NetworkId
from stemd.separation.remote.endpoints import Endpoint
from stemd.separation.remote.faults import EndpointLateError, EndpointLostError
from stemd.separation.remote.journey import ATTEMPTS, Journey
from tests.graphs import segment
from tests.waiting import until

NETWORK = NetworkId("voice@1", 0)
USUAL = 0.05
Answer = Callable[[float], Awaitable[Estimate]]


def estimate(seconds: float = USUAL) -> Estimate:
    return Estimate(np.zeros((1, 2, 8), np.float32), Course(0, 0, 0, round(seconds * 1e9)))


async def at_once(within: float) -> Estimate:
    return estimate()


async def never(within: float) -> Estimate:
    await asyncio.sleep(within)
    raise EndpointLateError("it did not answer")


async def killed(within: float) -> Estimate:
    raise EndpointLostError("connection refused")


async def wrong(within: float) -> Estimate:
    raise InferenceError("the server gave float32 (1, 2, 3) where float32 (1, 2, 8) was due")


class Road:
    """Endpoints, what each answers, and what came of it."""

    def __init__(self, *answers: Answer, lane: Lane = Lane.REALTIME, free: float = 30.0, usual: float = USUAL) -> None:
        self.endpoints = [Endpoint(f"{number}:1", 1, {NETWORK}) for number in range(len(answers))]
        self.answers = dict(zip(self.endpoints, answers, strict=True))
        self.asked: list[Endpoint] = []
        self.cancelled: list[Endpoint] = []
        self.fallen: list[Endpoint] = []
        self.doubtful: list[Endpoint] = []
        self.room = 0
        for each in self.endpoints:
            each.came_back()
            each.answered(self.job().kind, usual)
        self.journey = Journey(lane, self.endpoints, self.ask, Patience(free=free), self)

    @staticmethod
    def job(within: float | None = None) -> Job:
        deadline = NEVER if within is None else time.monotonic_ns() + round(within * 1e9)
        return Job(NETWORK, segment(), deadline)

    async def ask(self, job: Job, endpoint: Endpoint, within: float) -> Estimate:
        self.asked.append(endpoint)
        try:
            return await self.answers[endpoint](within)
        except asyncio.CancelledError:
            self.cancelled.append(endpoint)
            raise

    def freed(self) -> None:
        self.room += 1

    def fell(self, endpoint: Endpoint, why: str) -> None:
        self.fallen.append(endpoint)

    def doubted(self, endpoint: Endpoint) -> None:
        self.doubtful.append(endpoint)

    async def travel(self, within: float | None = None) -> Estimate:
        first = self.endpoints[0]
        first.busy[NETWORK] += 1
        try:
            return await self.journey.travel(self.job(within), first)
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert all(each.busy[NETWORK] == 0 for each in self.endpoints), "every place is given back"
            assert self.room == len(self.asked)


async def test_a_good_answer_is_taken_and_nobody_else_is_asked() -> None:
    road = Road(at_once, at_once)
    assert (await road.travel(1.0)).seconds == USUAL
    assert road.asked == road.endpoints[:1]


@pytest.mark.parametrize("fault", [killed, wrong])
async def test_where_one_fails_another_is_asked_at_once(fault: Answer) -> None:
    road = Road(fault, at_once)
    began = time.monotonic()
    await road.travel(30.0)
    assert time.monotonic() - began < 10.0
    assert road.asked == road.endpoints
    assert road.fallen == (road.endpoints[:1] if fault is killed else [])


async def test_one_that_says_nothing_is_overtaken_while_there_is_time() -> None:
    road = Road(never, at_once)
    await road.travel(1.0)
    assert road.asked == road.endpoints
    assert road.cancelled == road.endpoints[:1]


async def test_another_is_asked_at_the_last_moment_in_which_it_can_make_it() -> None:
    """Late is three times the usual, which the deadline does not allow for: so it is asked before."""
    usual = 0.4  # so that there is time in hand for a machine that is held up
    road, begun = Road(never, at_once, usual=usual), []
    ask = road.ask

    async def noted(job: Job, endpoint: Endpoint, within: float) -> Estimate:
        begun.append(within)
        return await ask(job, endpoint, within)

    road.journey = Journey(Lane.REALTIME, road.endpoints, noted, Patience(), road)
    await road.travel(2.8 * usual)
    assert begun[1] >= usual


async def test_nobody_is_asked_who_could_not_make_it() -> None:
    road = Road(wrong, at_once)
    with pytest.raises(InferenceError, match="where float32"):
        await road.travel(USUAL / 2)
    assert road.asked == road.endpoints[:1]


async def test_when_the_deadline_is_over_it_is_over() -> None:
    road = Road(never)
    with pytest.raises(EndpointLateError):
        await road.travel(0.05)
    assert road.fallen == []


async def test_who_is_late_too_often_is_doubted_and_not_taken_for_dead() -> None:
    road = Road(never)
    for _ in range(3):
        with pytest.raises(EndpointLateError):
            await road.travel(0.01)
    assert road.doubtful == road.endpoints
    assert road.fallen == []


async def test_answers_that_are_wrong_too_often_end_it() -> None:
    road = Road(wrong, at_once)
    for _ in range(3):
        await road.travel(30.0)
    assert road.fallen == road.endpoints[:1]


async def test_no_more_than_a_few_are_tried() -> None:
    road = Road(*[wrong] * (ATTEMPTS + 2))
    with pytest.raises(InferenceError):
        await road.travel(30.0)
    assert len(road.asked) == ATTEMPTS


async def test_without_a_deadline_it_is_waited_for_as_long_as_the_patience_lasts() -> None:
    road = Road(never, lane=Lane.FREE, free=0.2)
    with pytest.raises(EndpointLateError):
        await road.travel()
    assert len(road.asked) == 1


async def test_what_is_given_up_is_cancelled_everywhere() -> None:
    road = Road(never, never)
    travelling = asyncio.create_task(road.travel(20.0))
    await until(lambda: len(road.asked) == 2, "both are asked")
    travelling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await travelling
    assert road.cancelled == road.endpoints
