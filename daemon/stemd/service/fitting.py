"""A plan and a demand for one realtime stream, such that its promise holds and no other is broken."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from stemd.dsp.plan import WindowPlan
from stemd.errors import Overloaded, PlanError
from stemd.separation.pool import Lane, Timing
from stemd.separation.store import Model
from stemd.service import admission, tuning
from stemd.service.admission import Demand
from stemd.service.library import Library
from stemd.service.plans import check

_TRIES: Final = 6  # hops that are measured until one holds
_STEP: Final = 1.1  # by which more time is allowed for, where a hop did not hold


@dataclass(frozen=True, slots=True)
class Fitting:
    """What is asked for, and of whom; all methods measure what they need to know and has not been measured yet.

    Attributes:
        model: whose networks run.
        stems: those that may be asked for.
        library: of models and what they cost.
        demands: what has been promised to others, by stream; it may change while something is measured.
        ahead: see `admission.budget`.
        pace: the same, at a place, now.
    """

    model: Model
    stems: Sequence[str]
    library: Library
    demands: Mapping[str, Demand]
    ahead: int
    pace: Callable[[str], float] = lambda _: 1.0

    async def admitted(self, plan: WindowPlan) -> tuple[WindowPlan, Demand]:
        """The plan as it is, and the smallest demand that keeps every promise.

        Raises:
            Overloaded: there is none; the text names a plan that would hold.
        """
        try:
            return plan, await self._demand(plan)
        except Overloaded as exc:
            raise Overloaded(f"{exc}. {await self._instead(plan)}") from exc

    async def tuned(self, plan: WindowPlan) -> tuple[WindowPlan, Demand]:
        """The plan with the hop that was chosen before, if it still holds and nobody else is there; else a new choice.

        Raises:
            Overloaded: no hop will do.
        """
        if not self._others():
            with suppress(Overloaded, PlanError):
                return await self._remembered(plan)
        chosen, demand = await self._shortest(plan, await self._compute(plan))
        if self._others():
            return chosen, demand
        await asyncio.to_thread(self.library.hops.keep, self.model, chosen, self.stems)
        return chosen, await self._demand(chosen)  # others may have been promised something meanwhile

    async def _remembered(self, plan: WindowPlan) -> tuple[WindowPlan, Demand]:
        hop = await asyncio.to_thread(self.library.hops.hop, self.model, plan, self.stems)
        if hop is None:
            raise PlanError("no hop is remembered")
        known = replace(plan, hop=hop)
        check(known, self.model)
        return known, await self._demand(known)

    async def _demand(self, plan: WindowPlan) -> Demand:
        hop = plan.hop / self.model.manifest.sample_rate
        networks = await self.measured(plan, hop)
        # What others were promised while this was measured counts, too.
        at, compute = self.library.capacity(self.model), sum(networks.values())
        least = admission.budget(compute, hop, self._others(), self.ahead, at.parallel, self.pace(at.place))
        return Demand(compute, hop, least, at.place, at.parallel, networks)

    def _others(self) -> list[Demand]:
        """What has been promised where this model runs."""
        place = self.library.capacity(self.model).place
        return [demand for demand in self.demands.values() if demand.place == place]

    async def measured(self, plan: WindowPlan, hop: float = math.inf) -> dict[int, float]:
        """What each specialist takes for a segment, in s; first measured in the free lane, to spare other streams."""
        specialists = [
            index
            for index, entry in enumerate(self.model.manifest.specialists)
            if not set(entry.stems).isdisjoint(self.stems)
        ]
        compute = seconds(await self.library.timings(self.model, plan, Lane.FREE, specialists))
        shortest = min([hop, *(d.hop for d in self._others())])
        if compute > shortest:
            raise Overloaded(f"a segment takes {compute:.2f} s here, longer than a hop of {shortest:.2f} s")
        timings = await self.library.timings(self.model, plan, Lane.REALTIME, specialists)
        return {index: timing.p99 for index, timing in zip(specialists, timings, strict=True)}

    async def _compute(self, plan: WindowPlan) -> float:
        return sum((await self.measured(plan)).values())

    async def _shortest(self, plan: WindowPlan, compute: float) -> tuple[WindowPlan, Demand]:
        """The plan with the shortest hop that holds; `compute` is what a segment of some hop takes.

        Of a longer hop there is more to give, which may take longer: so the hop that is chosen is measured, too.
        """
        for _ in range(_TRIES):
            # Beside the event loop, for there are many hops to try.
            others, at = self._others(), self.library.capacity(self.model)
            found, _ = await asyncio.to_thread(
                tuning.tuned, plan, self.model, compute, others, self.ahead, at, self.pace(at.place)
            )
            try:
                return found, await self._demand(found)
            except Overloaded:
                compute = max(compute * _STEP, await self._compute(found))
        raise Overloaded(f"whatever the hop, a segment of {plan.segment} frames takes too long here")

    async def _instead(self, plan: WindowPlan) -> str:
        """Which plan would hold where one is refused."""
        try:
            holds, demand = await self._shortest(plan, await self._compute(plan))
        except Overloaded:
            return "No hop would do: use shorter segments, fewer stems, fewer streams, or timing 'free'"
        milliseconds = 1000 * (holds.latency / self.model.manifest.sample_rate + demand.budget)
        return (
            f"This plan would hold: {holds.segment},{holds.hop},{holds.overlap},{holds.lookahead} "
            f"(about {milliseconds:.0f} ms); or use fewer stems, fewer streams, or timing 'free'"
        )


def seconds(timings: Sequence[Timing]) -> float:
    """What a segment takes at worst, in seconds: of all these networks, one after the other."""
    return sum(timing.p99 for timing in timings)
