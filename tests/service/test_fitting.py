"""What a realtime stream is promised: plan `auto`, plans as they are, and the plan that is named instead."""

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stemd.config import Config
from stemd.dsp import stft
from stemd.dsp.plan import WindowPlan
from stemd.errors import Overloaded, PlanError
from stemd.protocol import Open, Plan
from stemd.separation.pool import Capacity, Lane, Timing
from stemd.separation.store import Model, find
from stemd.service.admission import HEADROOM, Demand, holds
from stemd.service.opening import promise
from stemd.service.promise import Promise
from stemd.service.tuning import Memory, tuned
from tests.service.pretence import model_of

RATE = 44_100
SHIPPED = find("spleeter-vocals")
LIVE = SHIPPED.manifest.live.window()
MANY = model_of("waveform", "drums", "vocals")


class FakeLibrary:
    """A fake: one model, whose segments take what is said; notes what was measured, and where."""

    at = Capacity()

    def __init__(self, model: Model, takes: Callable[[WindowPlan], float], file: Path) -> None:
        self.model, self.takes = model, takes
        self.hops = Memory(file, "fake")
        self.measured: list[tuple[Lane, WindowPlan]] = []

    async def load(self, name: str) -> Model:
        return self.model

    def capacity(self, model: Model) -> Capacity:
        return self.at

    async def timings(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        self.measured.append((lane, plan))
        await asyncio.sleep(0)  # measuring takes a while, in which others may open streams
        return [Timing(self.takes(plan), self.takes(plan)) for _ in specialists]

    def forget(self, model: Model, plan: WindowPlan) -> None: ...


async def agree(
    library: FakeLibrary, wanted: Plan | str | None, demands: Mapping[str, Demand] | None = None, **config: Any
) -> tuple[Promise, Demand]:
    """Ask for a realtime stream with a plan."""
    request = Open(1, "desk", RATE, 2, "f32le", 441, "realtime", wanted, None, None)
    given = {} if demands is None else demands
    agreed, demand = await promise(request, msgspec.convert(config, Config), library, given)  # type: ignore[arg-type]
    assert demand is not None
    return agreed, demand


def named(text: str) -> Plan:
    """The plan that a refusal names."""
    found = re.search(r"This plan would hold: (\d+),(\d+),(\d+),(\d+) \(about \d+ ms\)", text)
    assert found, text
    return Plan(*map(int, found.groups()))


COSTS: dict[str, Callable[[WindowPlan], float]] = {
    "cheap": lambda plan: 0.004,
    "the same for every hop": lambda plan: 0.06,
    "more for a longer hop": lambda plan: 0.03 + 0.4 * plan.hop / RATE,
    "much more for a longer hop": lambda plan: 0.01 + 0.6 * plan.hop / RATE,
    "slow": lambda plan: 0.9,
}
every_cost = pytest.mark.parametrize("takes", COSTS.values(), ids=COSTS)


@every_cost
async def test_auto_holds_by_what_its_own_hop_takes(tmp_path: Path, takes: Callable[[WindowPlan], float]) -> None:
    library = FakeLibrary(SHIPPED, takes, tmp_path / "hops.json")
    agreed, demand = await agree(library, "auto")
    assert demand.compute == takes(agreed.plan)
    assert demand.load * HEADROOM <= 1
    assert holds([demand])
    assert library.hops.hop(SHIPPED, LIVE, ("vocals",)) == agreed.plan.hop


@every_cost
@pytest.mark.parametrize("hop", [1_024, 2_048, 4_096])
async def test_the_plan_that_a_refusal_names_is_admitted(
    tmp_path: Path, takes: Callable[[WindowPlan], float], hop: int
) -> None:
    library = FakeLibrary(SHIPPED, takes, tmp_path / "hops.json")
    for others in ({}, {"other": Demand(0.02, 1.0, 0.9)}):
        try:
            await agree(library, Plan(LIVE.segment, hop, 0, LIVE.lookahead), others)
        except Overloaded as refusal:
            if "No hop would do" in str(refusal):
                assert others, "alone, a hop of seconds would do"
                assert takes(LIVE) > 0.5
                continue
            plan = named(str(refusal))
            agreed, _ = await agree(library, plan, others)
            assert agreed.plan.hop == plan.hop > hop


async def test_where_no_hop_will_do_nothing_is_named(tmp_path: Path) -> None:
    library = FakeLibrary(SHIPPED, lambda plan: 0.9 * plan.hop / RATE + 0.01, tmp_path / "hops.json")
    for plan in ("live", "auto", "fast"):
        with pytest.raises(Overloaded, match=r"shorter segments|too long") as refusal:
            await agree(library, plan)
        assert "would hold" not in str(refusal.value)


async def test_a_network_that_would_hold_up_another_stream_is_not_even_tried_where_that_runs(tmp_path: Path) -> None:
    library = FakeLibrary(SHIPPED, COSTS["slow"], tmp_path / "hops.json")
    for plan in ("auto", "live"):
        with pytest.raises(Overloaded):
            await agree(library, plan, {"other": Demand(0.005, 0.05, 0.04)})
    assert {lane for lane, _ in library.measured} == {Lane.FREE}


async def test_a_hop_that_was_remembered_is_kept_as_long_as_it_holds(tmp_path: Path) -> None:
    library = FakeLibrary(SHIPPED, COSTS["the same for every hop"], tmp_path / "hops.json")
    agreed, _ = await agree(library, "auto")
    first = agreed.plan.hop
    library.takes = COSTS["cheap"]
    assert (await agree(library, "auto"))[0].plan.hop == first, "its latency stays what it was"
    library.takes = COSTS["slow"]
    agreed, demand = await agree(library, "auto")
    assert agreed.plan.hop > first, "it does not hold any more"
    assert holds([demand])
    library.takes = COSTS["cheap"]
    assert (await agree(library, "auto"))[0].plan.hop == agreed.plan.hop
    shared, _ = await agree(library, "auto", {"other": Demand(0.001, 0.5, 0.4)})
    assert shared.plan.hop < agreed.plan.hop, "beside others it is chosen for the moment"
    assert (await agree(library, "auto"))[0].plan.hop == agreed.plan.hop, "and not remembered"


@pytest.mark.parametrize("hop", [1, 2_047, 10**9, LIVE.segment])
async def test_a_remembered_hop_that_the_model_cannot_have_is_chosen_anew(tmp_path: Path, hop: int) -> None:
    library = FakeLibrary(SHIPPED, COSTS["cheap"], tmp_path / "hops.json")
    await agree(library, "auto")
    file = tmp_path / "hops.json"
    file.write_text(json.dumps(dict.fromkeys(json.loads(file.read_text()), hop)))
    agreed, _ = await agree(library, "auto")
    assert agreed.plan.hop % stft.HOP == 0
    assert agreed.plan.hop < LIVE.segment


async def test_auto_can_be_named_or_be_the_default(tmp_path: Path) -> None:
    takes = COSTS["the same for every hop"]
    due, _ = await agree(FakeLibrary(SHIPPED, takes, tmp_path / "a"), "auto")
    assert due.plan.hop != LIVE.hop
    by_config, _ = await agree(FakeLibrary(SHIPPED, takes, tmp_path / "b"), None, plan="auto")
    assert by_config.plan == due.plan
    by_name, _ = await agree(FakeLibrary(SHIPPED, COSTS["cheap"], tmp_path / "c"), "live", plan="auto")
    assert by_name.plan == LIVE
    by_model, _ = await agree(FakeLibrary(SHIPPED, COSTS["cheap"], tmp_path / "d"), None)
    assert by_model.plan == SHIPPED.manifest.plans[SHIPPED.manifest.plan].window()


async def test_fast_is_for_models_that_have_it(tmp_path: Path) -> None:
    agreed, _ = await agree(FakeLibrary(SHIPPED, COSTS["cheap"], tmp_path / "a"), "fast")
    assert SHIPPED.manifest.fast is not None
    assert agreed.plan == SHIPPED.manifest.fast.window()
    with pytest.raises(PlanError, match="'fast'") as refusal:
        await agree(FakeLibrary(MANY, COSTS["cheap"], tmp_path / "b"), "fast")
    for name in ("auto", "live", "studio"):
        assert name in str(refusal.value)


async def test_with_ahead_0_the_budget_is_the_compute_and_a_second_stream_is_refused(tmp_path: Path) -> None:
    alone = {"realtime": {"ahead": 0}}
    library = FakeLibrary(SHIPPED, COSTS["cheap"], tmp_path / "hops.json")
    first, demand = await agree(library, "live", **alone)
    assert demand.budget == demand.compute == 0.004
    roomy, _ = await agree(library, "live", realtime={"ahead": 1})
    assert first.latency == roomy.latency - math.ceil(0.004 * RATE)
    for plan in ("live", "auto", Plan(LIVE.segment, 65_536, 0, LIVE.lookahead)):
        with pytest.raises(Overloaded):
            await agree(library, plan, {"first": demand}, **alone)


async def test_of_two_that_are_opened_at_once_both_are_counted(tmp_path: Path) -> None:
    library = FakeLibrary(SHIPPED, COSTS["the same for every hop"], tmp_path / "hops.json")
    demands: dict[str, Demand] = {}

    async def begin(name: str, plan: Plan | str) -> None:
        _, demands[name] = await agree(library, plan, demands)

    for plan in (Plan(LIVE.segment, 8_192, 0, LIVE.lookahead), "auto"):
        demands.clear()
        await asyncio.gather(*(begin(str(n), plan) for n in range(12)), return_exceptions=True)
        assert demands
        assert holds(list(demands.values())), plan
        assert sum(d.load for d in demands.values()) * HEADROOM <= 1


@pytest.mark.parametrize("compute", [0.03, 0.5, 1.0])
def test_no_crowd_of_streams_makes_the_choice_long(compute: float) -> None:
    asked = 0

    class Counting(Demand):
        """Counts how often its load is asked for, which is once for each set of demands that is looked at."""

        @property
        def load(self) -> float:
            nonlocal asked
            asked += 1
            return self.compute / self.hop

    with suppress(Overloaded):
        tuned(LIVE, SHIPPED, compute, [Counting(0.001, 0.0232, 0.0021)], 1)
    assert asked < 2_000


async def test_where_several_run_at_a_time_more_is_admitted_and_other_places_do_not_count(tmp_path: Path) -> None:
    library, plan = FakeLibrary(SHIPPED, lambda plan: 0.02, tmp_path / "hops.json"), Plan(230_400, 21_504, 1_024, 3_072)

    async def admitted(parallel: int) -> list[Demand]:
        library.at, demands = Capacity("servers", parallel), {"here": Demand(0.9, 1.0, 0.95)}
        with suppress(Overloaded):
            while True:
                _, demands[f"stream-{len(demands)}"] = await agree(library, plan, demands)
        return [demand for demand in demands.values() if demand.place == "servers"]

    one, two = await admitted(1), await admitted(2)
    assert len(one) == int(21_504 / RATE / 0.02 / HEADROOM)
    assert len(two) == int(2 * 21_504 / RATE / 0.02 / HEADROOM)
    assert {demand.parallel for demand in two} == {2}
    assert sum(demand.load for demand in two) == pytest.approx(1 / HEADROOM, rel=0.1)
