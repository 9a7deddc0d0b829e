"""Networks take longer where streams play than they took when they were measured: what is promised then."""

import asyncio
import re

import pytest

from stemd.errors import Overloaded
from stemd.service.admission import HEADROOM, Demand, budget
from stemd.service.pace import pace
from tests.networks import FunctionSpecialist, copy, noise
from tests.service.pretence import FakePool, model_of, open_desk, pretend
from tests.service.test_ways import PLAN


def demand(hop: float, *networks: float) -> Demand:
    return Demand(sum(networks), hop, hop, networks=dict(enumerate(networks)))


def test_the_pace_is_what_all_streams_take_over_what_was_reckoned() -> None:
    light, heavy = demand(1.0, 0.1), demand(0.5, 0.1, 0.1)
    assert pace([]) == 1.0
    assert pace([(light, {0: 0.15})]) == pytest.approx(1.5)
    assert pace([(light, {0: 0.1}), (heavy, {0: 0.4, 1: 0.2})]) == pytest.approx(0.7 / 0.5)
    assert pace([(heavy, {1: 0.3})]) == pytest.approx(1.5), "the other specialist has not run"


def test_a_machine_is_never_quicker_than_it_was_measured() -> None:
    assert pace([(demand(1.0, 0.2), {0: 0.1})]) == 1.0


def test_a_specialist_that_was_not_reckoned_with_tells_nothing() -> None:
    assert pace([(Demand(0.2, 1.0, 1.0), {0: 0.9})]) == 1.0


def test_no_more_is_promised_than_holds_at_the_pace_of_now() -> None:
    others = [demand(1.0, 0.1)] * 3
    budget(0.1, 1.0, others, 1, pace=0.999 / HEADROOM / 0.4)
    with pytest.raises(Overloaded, match=r"at 80% load .*2.0 times as long now") as refused:
        budget(0.1, 1.0, others, 1, pace=2.0)
    found = re.search(r"a hop of (\d+\.\d+) s", str(refused.value))
    assert found
    hop = float(found[1]) + 0.01
    budget(0.1, hop, others, 1, pace=2.0)


def test_a_stream_tells_the_load_of_what_ran_lately_alone() -> None:
    async def play() -> list[dict[int, float]]:
        pool = FakePool([FunctionSpecialist(copy, names=("vocals",))], lambda _: 0.02)
        desk = open_desk(pool, model_of("waveform", "vocals"), PLAN, ("vocals",), ("vocals",), compute=0.5, fills=False)
        told = [desk.stream.loads()]
        await desk.play(noise(20 * PLAN.hop))
        told.append(desk.stream.loads())
        await asyncio.sleep(5)
        told.append(desk.stream.loads())
        await desk.close()
        return told

    before, playing, later = pretend(play())
    assert before == {}
    assert later == {}
    assert playing == {0: pytest.approx(0.02 * 44_100 / PLAN.hop)}
