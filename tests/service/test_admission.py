import heapq
import itertools
import random

import pytest

from stemd.errors import Overloaded
from stemd.service.admission import HEADROOM, Demand, budget, holds


def misses(demands: list[Demand], seed: int, seconds: float = 60.0, parallel: int = 1) -> int:
    """Simulate workers, earliest deadline first, without preemption, at random phases; the deadlines missed."""
    rng = random.Random(seed)
    jobs = []
    for d in demands:
        phase = rng.uniform(0, d.hop) if seed else 0.0
        count = int(seconds / d.hop)
        jobs += [(phase + n * d.hop, phase + n * d.hop + d.budget, d.compute) for n in range(count)]
    jobs.sort()
    free, missed, waiting, order = [0.0] * parallel, 0, [], itertools.count()
    at = 0
    while at < len(jobs) or waiting:
        now = heapq.heappop(free)
        if not waiting:
            now = max(now, jobs[at][0])
        while at < len(jobs) and jobs[at][0] <= now:
            heapq.heappush(waiting, (jobs[at][1], next(order), jobs[at][2]))
            at += 1
        deadline, _, compute = heapq.heappop(waiting)
        heapq.heappush(free, now + compute)
        missed += now + compute > deadline + 1e-9
    return missed


def admitted(sizes: list[tuple[float, float]], ahead: int, parallel: int = 1) -> list[Demand]:
    demands: list[Demand] = []
    for compute, hop in sizes:
        try:
            least = budget(compute, hop, demands, ahead, parallel)
            demands.append(Demand(compute, hop, least, "there", parallel))
        except Overloaded:
            continue
    return demands


@pytest.mark.parametrize("seed", range(12))
def test_what_is_admitted_keeps_every_deadline(seed: int) -> None:
    rng = random.Random(seed)
    sizes = [(rng.uniform(0.005, 0.06), rng.uniform(0.1, 1.0)) for _ in range(12)]
    demands = admitted(sizes, ahead=3)
    assert len(demands) >= 3
    assert misses(demands, 0) == 0
    assert all(misses(demands, phase) == 0 for phase in range(1, 6))


@pytest.mark.parametrize("parallel", [2, 3, 8])
@pytest.mark.parametrize("seed", range(6))
def test_what_is_admitted_to_several_workers_keeps_every_deadline(seed: int, parallel: int) -> None:
    rng = random.Random(seed)
    sizes = [(rng.uniform(0.005, 0.06), rng.uniform(0.1, 1.0)) for _ in range(24 * parallel)]
    demands = admitted(sizes, 3, parallel)
    assert len(demands) > 2 * parallel
    assert misses(demands, 0, 20.0, parallel) == 0
    assert all(misses(demands, phase, 20.0, parallel) == 0 for phase in range(1, 6))


def test_twice_the_workers_serve_twice_the_streams() -> None:
    few, many = (admitted([(0.02, 0.5)] * 100, 1, parallel) for parallel in (1, 4))
    assert len(many) >= 4 * len(few)


def test_a_promise_is_never_broken_by_a_later_one() -> None:
    demands = admitted([(0.03, 0.5)] * 40, ahead=3)
    assert holds(demands)
    assert demands[0].budget == pytest.approx(0.03 * 4)
    assert len(demands) == int(0.5 / 0.03 / HEADROOM)
    assert [d.budget for d in demands] == sorted(d.budget for d in demands)


def test_too_much_load_is_refused_with_a_hop_that_would_do() -> None:
    with pytest.raises(Overloaded, match=r"hop of 0\.65 s"):
        budget(0.5, 0.5, [], 3)


def test_fifty_light_streams_are_admitted() -> None:
    assert len(admitted([(0.0003, 0.02)] * 50, ahead=3)) == 50
