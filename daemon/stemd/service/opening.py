"""What can be promised to a stream: the model, a plan that it can run, and a latency that can be kept."""

import math
from collections.abc import Mapping, Sequence

from stemd.config import Config
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import check_grid
from stemd.errors import Overloaded, PlanError, UnknownStemError, nearest
from stemd.protocol import Open, Plan
from stemd.separation.assembly import latency
from stemd.separation.pool import Lane, Timing
from stemd.separation.store import Model
from stemd.service import admission
from stemd.service.admission import Demand
from stemd.service.library import Library
from stemd.service.promise import Promise


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
    frames = latency(plan, model.manifest.sample_rate, request.rate) + request.block
    if request.timing == "free":
        return Promise(request, model, plan, stems, frames), None
    try:
        demand = await _admit(model, plan, stems, config, library, demands)
    except Overloaded:
        # What was measured may have been measured in a bad moment.
        library.forget(model, plan.segment)
        demand = await _admit(model, plan, stems, config, library, demands)
    frames += math.ceil((demand.budget + config.realtime.margin) * request.rate)
    return Promise(request, model, plan, stems, frames), demand


async def _admit(
    model: Model,
    plan: WindowPlan,
    stems: Sequence[str],
    config: Config,
    library: Library,
    demands: Mapping[str, Demand],
) -> Demand:
    """The smallest demand that keeps every promise; measured in the free lane first, to spare the other streams."""
    hop = plan.hop / model.manifest.sample_rate
    wanted = _specialists(model, stems)
    rough = _compute(await library.timings(model, plan.segment, Lane.FREE, wanted))
    shortest = min([hop, *(d.hop for d in demands.values())])
    if rough > shortest:
        raise Overloaded(
            f"a segment takes {rough:.2f} s here, longer than a hop of {shortest:.2f} s: use a longer hop, "
            "fewer stems or timing 'free'"
        )
    compute = _compute(await library.timings(model, plan.segment, Lane.REALTIME, wanted))
    return Demand(compute, hop, admission.budget(compute, hop, list(demands.values()), config.realtime.ahead))


def resolve(wanted: Plan | str | None, config: Config, model: Model) -> WindowPlan:
    """A plan by name, by numbers or by default, checked against the model.

    Raises:
        PlanError: it is unknown, or the model cannot run it.
    """
    if isinstance(wanted, Plan):
        plan = WindowPlan(wanted.segment, wanted.hop, wanted.overlap, wanted.lookahead)
    else:
        plan = named_plan(wanted or config.plan or model.manifest.plan, config, model)
    model.check(plan)
    if model.spectral:
        check_grid(plan)
    return plan


def named_plan(name: str, config: Config, model: Model) -> WindowPlan:
    """A plan by its name: `live` and `studio` are the model's own, the others the configuration's.

    Raises:
        PlanError: there is none.
    """
    own = {"live": model.manifest.live, "studio": model.manifest.studio}
    if name in config.plans:
        return config.plans[name].window()
    if name in own:
        return own[name].window()
    raise PlanError(f"no plan {name!r}{nearest(name, [*own, *config.plans])}")


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


def _compute(timings: Sequence[Timing]) -> float:
    return sum(timing.p99 for timing in timings)
