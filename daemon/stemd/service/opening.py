"""What can be promised to a stream: the model, a plan that it can run, and a latency that can be kept."""

import math
from collections.abc import Callable, Mapping

from stemd.config import Config
from stemd.dsp.plan import WindowPlan
from stemd.errors import Overloaded, UnknownStemError, nearest
from stemd.protocol import Open
from stemd.separation.assembly import latency
from stemd.separation.store import Model
from stemd.service.admission import Demand
from stemd.service.fitting import Fitting
from stemd.service.library import Library
from stemd.service.plans import AUTO, resolve
from stemd.service.promise import Promise


async def promise(
    request: Open,
    config: Config,
    library: Library,
    demands: Mapping[str, Demand],
    pace: Callable[[str], float] = lambda _: 1.0,
) -> tuple[Promise, Demand | None]:
    """Load what a stream needs, and say what it will get; a realtime stream also makes a demand on the worker.

    Args:
        request: what was asked for.
        config: defaults and margins.
        library: of models.
        demands: what has been promised to other realtime streams, by stream; read after everything is loaded.
        pace: see Fitting.

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
    fitting = Fitting(model, stems, library, demands, config.realtime.ahead, pace)
    auto = (request.plan or config.plan or model.manifest.plan) == AUTO
    fit = fitting.tuned if auto else fitting.admitted
    try:
        plan, demand = await fit(plan)
    except Overloaded:
        # What was measured may have been measured in a bad moment.
        library.forget(model, plan)
        plan, demand = await fit(plan)
    frames = _frames(request, model, plan) + math.ceil((demand.budget + config.realtime.margin) * request.rate)
    return Promise(request, model, plan, stems, frames), demand


def _frames(request: Open, model: Model, plan: WindowPlan) -> int:
    """Latency without computing, in the stream's frames."""
    return latency(plan, model.manifest.sample_rate, request.rate) + request.block


def _stems(request: Open, model: Model) -> tuple[str, ...]:
    stems = model.manifest.stems
    if request.stems is None:
        return stems
    for stem in request.stems:
        if stem not in stems:
            raise UnknownStemError(f"model {model.manifest.name!r} gives no stem {stem!r}{nearest(stem, stems)}")
    return tuple(stem for stem in stems if stem in request.stems)
