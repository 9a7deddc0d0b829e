"""What can be promised to a stream: the model, a plan that it can run, and a latency that can be kept."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from stemd.config import Config
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import check_grid
from stemd.errors import Overloaded, PlanError, UnknownStemError, nearest
from stemd.protocol import Open, Plan
from stemd.separation.assembly import latency
from stemd.separation.pool import Lane, Timing
from stemd.separation.store import Model
from stemd.service import admission, tuning
from stemd.service.admission import Demand
from stemd.service.library import Library
from stemd.service.promise import Promise

AUTO: Final = "auto"
_TRIES: Final = 6  # hops that are measured until one holds
_STEP: Final = 1.1  # by which more time is allowed for, where a hop did not hold


async def promise(
    request: Open, config: Config, library: Library, demands: Mapping[str, Demand]
) -> tuple[Promise, Demand | None]:
    """Load what a stream needs, and say what it will get; a realtime stream also makes a demand on the worker.

    Args:
        request: what was asked for.
        config: defaults and margins.
        library: of models.
        demands: what has been promised to other realtime streams, by stream; read after everything is loaded.

    Raises:
        ModelLoadError: the model cannot be had.
        PlanError: the plan is unknown, or not for this model.
        UnknownStemError: the model gives no such stem.
        Overloaded: the promise could not be kept, or would break another.
    """
    model = await library.load(request.model or config.models.default)
    plan = resolve(request.plan, config, model)
    stems = _stems(request, model)
    if request.timing == "free":
        return Promise(request, model, plan, stems, _frames(request, model, plan)), None
    auto = (request.plan or config.plan or model.manifest.plan) == AUTO
    admit = _tune if auto else _admit
    try:
        plan, demand = await admit(model, plan, stems, config, library, demands)
    except Overloaded:
        # What was measured may have been measured in a bad moment.
        library.forget(model, plan)
        plan, demand = await admit(model, plan, stems, config, library, demands)
    frames = _frames(request, model, plan) + math.ceil((demand.budget + config.realtime.margin) * request.rate)
    return Promise(request, model, plan, stems, frames), demand


def _frames(request: Open, model: Model, plan: WindowPlan) -> int:
    """Latency without computing, in the stream's frames."""
    return latency(plan, model.manifest.sample_rate, request.rate) + request.block


async def _tune(
    model: Model,
    plan: WindowPlan,
    stems: Sequence[str],
    config: Config,
    library: Library,
    demands: Mapping[str, Demand],
) -> tuple[WindowPlan, Demand]:
    """The plan with the hop that was chosen before, if it still holds and nobody else is there; else a new choice."""
    wanted = _specialists(model, stems)
    ahead = config.realtime.ahead
    remembered = None if demands else library.hops.hop(model, plan, stems)
    if remembered:
        with suppress(Overloaded, PlanError):
            known = replace(plan, hop=remembered)
            _check(known, model)
            return known, await _demand(model, known, wanted, library, demands, ahead)
    compute = await _measured(model, plan, wanted, library, demands)
    tuned, demand = await _fitting(model, plan, wanted, library, demands, ahead, compute)
    if not demands:
        library.hops.keep(model, tuned, stems)
    return tuned, demand


async def _admit(
    model: Model,
    plan: WindowPlan,
    stems: Sequence[str],
    config: Config,
    library: Library,
    demands: Mapping[str, Demand],
) -> tuple[WindowPlan, Demand]:
    """The plan as it is, and the smallest demand that keeps every promise."""
    wanted = _specialists(model, stems)
    ahead = config.realtime.ahead
    try:
        return plan, await _demand(model, plan, wanted, library, demands, ahead)
    except Overloaded as exc:
        instead = await _instead(model, plan, wanted, library, demands, ahead)
        raise Overloaded(f"{exc}. {instead}") from exc


async def _demand(
    model: Model, plan: WindowPlan, wanted: Sequence[int], library: Library, demands: Mapping[str, Demand], ahead: int
) -> Demand:
    hop = plan.hop / model.manifest.sample_rate
    compute = await _measured(model, plan, wanted, library, demands, hop)
    # What others were promised while this was measured counts, too.
    return Demand(compute, hop, admission.budget(compute, hop, list(demands.values()), ahead))


async def _measured(
    model: Model,
    plan: WindowPlan,
    wanted: Sequence[int],
    library: Library,
    demands: Mapping[str, Demand],
    hop: float = math.inf,
) -> float:
    """What a segment takes, in seconds; measured in the free lane first, to spare the other streams."""
    compute = seconds(await library.timings(model, plan, Lane.FREE, wanted))
    shortest = min([hop, *(d.hop for d in demands.values())])
    if compute > shortest:
        raise Overloaded(f"a segment takes {compute:.2f} s here, longer than a hop of {shortest:.2f} s")
    return seconds(await library.timings(model, plan, Lane.REALTIME, wanted))


async def _fitting(
    model: Model,
    plan: WindowPlan,
    wanted: Sequence[int],
    library: Library,
    demands: Mapping[str, Demand],
    ahead: int,
    compute: float,
) -> tuple[WindowPlan, Demand]:
    """The plan with the shortest hop that holds; `compute` is what a segment of some hop takes.

    Of a longer hop there is more to give, which may take longer: so the hop that is chosen is measured, too.
    """
    for _ in range(_TRIES):
        # Beside the event loop, for there are many hops to try.
        others = list(demands.values())
        found, _ = await asyncio.to_thread(tuning.tuned, plan, model, compute, others, ahead)
        try:
            return found, await _demand(model, found, wanted, library, demands, ahead)
        except Overloaded:
            compute = max(compute * _STEP, await _measured(model, found, wanted, library, demands))
    raise Overloaded(f"whatever the hop, a segment of {plan.segment} frames takes too long here")


async def _instead(
    model: Model, plan: WindowPlan, wanted: Sequence[int], library: Library, demands: Mapping[str, Demand], ahead: int
) -> str:
    """Which plan would hold where one is refused."""
    try:
        compute = await _measured(model, plan, wanted, library, demands)
        holds, demand = await _fitting(model, plan, wanted, library, demands, ahead, compute)
    except Overloaded:
        return "No hop would do: use shorter segments, fewer stems, fewer streams, or timing 'free'"
    milliseconds = 1000 * (holds.latency / model.manifest.sample_rate + demand.budget)
    return (
        f"This plan would hold: {holds.segment},{holds.hop},{holds.overlap},{holds.lookahead} "
        f"(about {milliseconds:.0f} ms); or use fewer stems, fewer streams, or timing 'free'"
    )


def resolve(wanted: Plan | str | None, config: Config, model: Model) -> WindowPlan:
    """A plan by name, by numbers or by default, checked against the model.

    Raises:
        PlanError: it is unknown, or the model cannot run it.
    """
    if isinstance(wanted, Plan):
        plan = WindowPlan(wanted.segment, wanted.hop, wanted.overlap, wanted.lookahead)
    else:
        plan = named_plan(wanted or config.plan or model.manifest.plan, config, model)
    _check(plan, model)
    return plan


def _check(plan: WindowPlan, model: Model) -> None:
    model.check(plan)
    if model.spectral:
        check_grid(plan)


def named_plan(name: str, config: Config, model: Model) -> WindowPlan:
    """A plan by its name: `live`, `fast` and `studio` are the model's own, the others the configuration's.

    Of `auto` this is the plan with the hop that the model recommends.

    Raises:
        PlanError: there is none.
    """
    own = model.manifest.plans
    if name in config.plans:
        return config.plans[name].window()
    if name in own:
        return own[name].window()
    if name == AUTO:
        return model.manifest.live.window()
    raise PlanError(f"no plan {name!r}{nearest(name, [*own, AUTO, *config.plans])}")


def _stems(request: Open, model: Model) -> tuple[str, ...]:
    stems = model.manifest.stems
    if request.stems is None:
        return stems
    for stem in request.stems:
        if stem not in stems:
            raise UnknownStemError(f"model {model.manifest.name!r} gives no stem {stem!r}{nearest(stem, stems)}")
    return tuple(stem for stem in stems if stem in request.stems)


def _specialists(model: Model, stems: Sequence[str]) -> list[int]:
    """Which of a model's specialists these stems need."""
    return [i for i, entry in enumerate(model.manifest.specialists) if not set(entry.stems).isdisjoint(stems)]


def seconds(timings: Sequence[Timing]) -> float:
    """What a segment takes at worst, in seconds: of all these networks, one after the other."""
    return sum(timing.p99 for timing in timings)
