"""What the figures of `stemd bench cluster` say about its aims."""

from collections.abc import Sequence
from typing import Final

from stemd_bench.cluster.names import GRPC, HERE, SHARED
from stemd_bench.results import Conclusion, Measure, Variant

MARGIN: Final = 25.0  # ms; what every stream has anyway for whatever comes late: realtime.margin of the configuration
_GAIN: Final = 1.5
_LIVE: Final = "live"


def conclude(variants: Sequence[Variant], cores: int) -> tuple[Conclusion, ...]:
    """One conclusion for each aim; the machine has so many cores."""
    return _added(variants), _shared(variants), _promises(variants), _gain(variants, cores)


def of_group(variants: Sequence[Variant], group: str) -> list[Variant]:
    """Those of one kind that have figures."""
    return [v for v in variants if v.parameters["group"] == group and v.measures]


def _added(variants: Sequence[Variant]) -> Conclusion:
    aim = f"the way to a server and back adds at most {MARGIN:g} ms to a live segment, p99"
    live = _live(variants, GRPC)
    if live is None:
        return Conclusion(aim, "no server was asked", met=None)
    p50, p99 = live["added_p50"].median, live["added_p99"].median
    return Conclusion(aim, f"p50 {p50:.1f} ms, p99 {p99:.1f} ms over gRPC", met=p99 <= MARGIN)


def _shared(variants: Sequence[Variant]) -> Conclusion:
    aim = "shared memory adds less than gRPC does alone, on one machine"
    ways = {way: _live(variants, way) for way in (GRPC, SHARED)}
    added = {way: measures["added_p50"].median for way, measures in ways.items() if measures}
    if len(added) < len(ways):
        return Conclusion(aim, "no server was asked", met=None)
    return Conclusion(
        aim, f"p50 {added[SHARED]:.1f} ms instead of {added[GRPC]:.1f} ms", met=added[SHARED] < added[GRPC]
    )


def _promises(variants: Sequence[Variant]) -> Conclusion:
    aim = "all streams that are admitted are served as promised, wherever their networks run"
    judged = [v for v in of_group(variants, "capacity") if v.measures["admitted"].median]
    if not judged:
        return Conclusion(aim, "none was admitted", met=None)
    broken = [
        f"{v.name}: {v.measures['held'].median:.0f} of {v.measures['admitted'].median:.0f}"
        for v in judged
        if v.measures["held"].median < v.measures["admitted"].median
    ]
    return Conclusion(aim, "; ".join(broken) or f"in {len(judged)} cases", met=not broken)


def _gain(variants: Sequence[Variant], cores: int) -> Conclusion:
    aim = f"two servers hold at least {_GAIN:g} times as many streams as one"
    found = {
        (str(v.parameters["plan"]), int(v.parameters["servers"])): v.measures["held"].median
        for v in of_group(variants, "capacity")
    }
    plans = [plan for plan, servers in found if servers == 1 and (plan, 2) in found]
    told = "; ".join(f"{plan}: {found[plan, 2]:.0f} after {found[plan, 1]:.0f}" for plan in plans)
    if not plans:
        return Conclusion(aim, "there were no two servers", met=None)
    if cores < 4:  # one for each server, one for the daemon, one for the load
        return Conclusion(aim, f"{told}; on {cores} cores the daemon and the load take the servers' time", met=None)
    return Conclusion(aim, told, met=all(found[plan, 2] >= _GAIN * found[plan, 1] > 0 for plan in plans))


def _live(variants: Sequence[Variant], way: str) -> dict[str, Measure] | None:
    for v in of_group(variants, "request"):
        if (v.parameters["plan"], v.parameters["way"]) == (_LIVE, way):
            return v.measures
    return None


def beside_here(variants: Sequence[Variant]) -> list[Variant]:
    """With what follows from others of the same kind.

    A request has `times_here`: how many times what it takes in this process; a case in which streams were counted has
    `times_one`: how many times as many as one server holds.
    """
    trips = {_kind(v): v.measures["trip_p50"] for v in of_group(variants, "request") if v.parameters["way"] == HERE}
    held = {_kind(v): v.measures["held"] for v in of_group(variants, "capacity") if v.parameters["servers"] == 1}
    for v in of_group(variants, "request"):
        _put(v, "times_here", v.measures["trip_p50"], trips.get(_kind(v)))
    for v in of_group(variants, "capacity"):
        _put(v, "times_one", v.measures["held"], held.get(_kind(v)))
    return list(variants)


def _kind(variant: Variant) -> tuple[object, ...]:
    return variant.parameters["network"], variant.parameters["plan"]


def _put(variant: Variant, name: str, measure: Measure, base: Measure | None) -> None:
    if base and base.median:
        variant.measures[name] = Measure.of([measure.median / base.median], "")
