"""The queue of a lane: its order, and that it is bounded. Without threads."""

from stemd.separation.lanes import NEVER, Job, Waiting
from stemd.separation.pool import NetworkId
from tests.graphs import segment

NETWORK = NetworkId("any", 0)
SEGMENT = segment()


def job(deadline: int = NEVER, rank: int = 0) -> Job:
    return Job(NETWORK, SEGMENT, deadline, rank)


def test_the_earliest_deadline_then_the_least_rank_then_who_came_first() -> None:
    waiting = Waiting()
    last, late, second, first, early = job(), job(20), job(10, 1), job(10), job(10, 1)
    for each in (last, late, second, early, first):
        assert waiting.push(each)
    assert list(waiting.drain()) == [first, second, early, late, last]
    assert len(waiting) == 0


def test_one_too_many_is_refused_and_those_before_stay() -> None:
    waiting = Waiting(capacity=3)
    jobs = [job(n) for n in range(3)]
    assert all(waiting.push(each) for each in jobs)
    assert not waiting.push(job(0))
    assert list(waiting.drain()) == jobs


def test_what_was_cancelled_takes_no_room() -> None:
    waiting = Waiting(capacity=3)
    jobs = [job(n) for n in range(3)]
    for each in jobs:
        waiting.push(each)
    assert jobs[1].future.cancel()
    assert waiting.push(job(9))
    assert len(waiting) == 3


def test_cancelled_jobs_do_not_pile_up_while_nobody_takes_any() -> None:
    waiting, most = Waiting(), 0
    for n in range(3_000):
        each = job(n)
        assert waiting.push(each)
        each.future.cancel()
        most = max(most, len(waiting))
    assert most <= 100


def test_a_job_given_up_is_cancelled_if_it_never_ran_and_fails_if_it_did() -> None:
    fresh, begun = job(), job()
    assert begun.begin()
    for each in (fresh, begun):
        each.give_up("no")
        each.give_up("no, again")
    assert fresh.future.cancelled()
    assert str(begun.future.exception()) == "no"
