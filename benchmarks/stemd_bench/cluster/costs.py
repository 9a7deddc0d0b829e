"""What a stream costs by the figures of `stemd bench cluster`, as planning wants to know it."""

from collections.abc import Sequence

from stemd_bench.cluster.names import GRPC
from stemd_bench.cluster.planning import Costs
from stemd_bench.results import Measure, Variant

_KIB = 1_024.0


def costs(variants: Sequence[Variant]) -> list[Costs]:
    """Of each network and plan whose requests were measured, in the order of the cases.

    A stream costs the daemon what its requests do, and what it does besides. The latter is what streams that were
    counted cost more than their requests.
    """
    besides = _besides(variants)
    size = {_kind(v): v.measures for v in variants if v.parameters.get("group") == "traffic"}
    return [
        Costs(
            name=", ".join(_kind(v)),
            trip=v.measures["trip_p99"].median / 1e3,
            compute=v.measures["server_cpu"].median / 1e3,
            hop=_hop(v),
            sent=_KIB * size[_kind(v)]["sent"].median,
            answered=_KIB * size[_kind(v)]["answered"].median,
            daemon=besides + _asking(v),
            audio=8.0 * float(v.parameters["rate"]),
        )
        for v in _asked(variants)
    ]


def counted(variants: Sequence[Variant]) -> list[Variant]:
    """Those in which streams were counted and some held, the fewest servers first; none without servers."""
    found = [
        v
        for v in variants
        if v.parameters.get("group") == "capacity" and v.parameters["servers"] and _median(v.measures.get("held"))
    ]
    return sorted(found, key=lambda v: float(v.parameters["servers"]))


def _asked(variants: Sequence[Variant]) -> list[Variant]:
    return [
        v
        for v in variants
        if (v.parameters.get("group"), v.parameters.get("way")) == ("request", GRPC) and "server_cpu" in v.measures
    ]


def _besides(variants: Sequence[Variant]) -> float:
    """Cores that a stream costs the daemon beside its requests: the least that was found, with the most streams."""
    asking = {_kind(v): _asking(v) for v in _asked(variants)}
    found = [
        (v.measures["held"].median, v.measures["cpu_per_stream"].median / 100 - asking[_kind(v)])
        for v in counted(variants)
        if _kind(v) in asking
    ]
    return max(0.0, max(found)[1]) if found else 0.0


def _asking(request: Variant) -> float:
    """Cores that a stream's requests cost the daemon."""
    return request.measures["own_cpu"].median / 1e3 / _hop(request)


def _kind(variant: Variant) -> tuple[str, str]:
    return str(variant.parameters["network"]), str(variant.parameters["plan"])


def _hop(request: Variant) -> float:
    return float(request.parameters["hop"]) / float(request.parameters["rate"])


def _median(measure: Measure | None) -> float:
    return measure.median if measure else 0.0
