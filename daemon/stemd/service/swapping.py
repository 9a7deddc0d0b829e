"""Another edition of a model under a stream that runs: whether it will do, and from when on."""

from stemd.errors import Overloaded, PlanError, StemdError
from stemd.separation.store import Model
from stemd.service import admission
from stemd.service.admission import Demand
from stemd.service.fitting import Fitting
from stemd.service.library import Library
from stemd.service.plans import check
from stemd.service.promise import Promise
from stemd.service.stream import Stream
from stemd.service.streams import Streams


async def swap(stream: Stream, model: Model, streams: Streams, library: Library, ahead: int) -> None:
    """Let a stream go on with another model, from its next segment on.

    Args:
        stream: open.
        model: loaded.
        streams: where the stream is.
        library: where the model is.
        ahead: see `admission.budget`.

    Raises:
        StemdError: it would break what the stream, or another, was promised; all goes on as it was.
    """
    if fault := obstacle(stream.promise, model):
        raise StemdError(fault)
    demand = None
    if before := streams.demands.get(stream.name):
        others = {name: demand for name, demand in streams.demands.items() if name != stream.name}
        fitting = Fitting(model, stream.promise.stems, library, others, ahead)
        try:
            demand = await _demand(stream, before, fitting, streams)
        except Overloaded:
            # What was measured may have been measured in a bad moment.
            library.forget(model, stream.promise.plan)
            demand = await _demand(stream, before, fitting, streams)
    if streams.open.get(stream.name) is stream:
        streams.swap(stream, model, demand)


def obstacle(promise: Promise, model: Model) -> str | None:
    """Why a model cannot take the place of the one that was promised; None: it can, if it is fast enough."""
    old, new = promise.model.manifest, model.manifest
    if old.sample_rate != new.sample_rate:
        return f"it runs at {new.sample_rate} Hz, not {old.sample_rate}"
    if promise.model.spectral != model.spectral:
        return f"it is of kind {new.kind!r}, not {old.kind!r}"
    if [entry.stems for entry in old.specialists] != [entry.stems for entry in new.specialists]:
        return "its networks give other stems"
    try:
        check(promise.plan, model)
    except PlanError as exc:
        return str(exc)
    return None


async def _demand(stream: Stream, before: Demand, fitting: Fitting, streams: Streams) -> Demand:
    networks = await fitting.measured(stream.promise.plan, before.hop)
    # The latency stays, so the budget does; what others were promised while this was measured counts, too.
    at = fitting.library.capacity(fitting.model)
    demand = Demand(sum(networks.values()), before.hop, before.budget, at.place, at.parallel, networks)
    others = (d for name, d in streams.demands.items() if name != stream.name and d.place == at.place)
    _check([demand, *others], before)
    return demand


def _check(demands: list[Demand], before: Demand) -> None:
    mine = demands[0]
    load = sum(demand.compute / demand.hop for demand in demands) / mine.parallel
    if load * admission.HEADROOM > 1 or not admission.holds(demands, parallel=mine.parallel):
        raise Overloaded(
            f"a segment would take {mine.compute:.3f} s where {before.compute:.3f} s were promised, and some stream's "
            "latency could not be kept"
        )
