"""What the figures of `stemd bench streams` say about its aims."""

from collections.abc import Sequence
from typing import Final

from stemd_bench.overhead.figures import FAULTS
from stemd_bench.overhead.plan import NAME as COPY
from stemd_bench.overhead.task import ON_TIME
from stemd_bench.overhead.verdicts import STREAMS_AIM
from stemd_bench.results import Conclusion, Variant
from stemd_bench.streams.capacity import FREE

_PLAN: Final = "live"


def conclude(variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
    """One conclusion for each aim."""
    capacity = of_group(variants, "capacity")
    return _promises(capacity), _own_limit(capacity), _free_beside(variants)


def of_group(variants: Sequence[Variant], group: str) -> list[Variant]:
    """Those of one kind."""
    return [v for v in variants if v.parameters["group"] == group]


def _promises(capacity: Sequence[Variant]) -> Conclusion:
    aim = "all admitted streams of networks that compute are served as promised"
    # A network that copies takes no time, so admission, which counts networks' time, says nothing of it.
    judged = [v for v in capacity if v.parameters["network"] != COPY and v.measures["admitted"].median]
    broken = [
        f"{v.name}: {v.measures['held'].median:.0f} of {v.measures['admitted'].median:.0f}"
        for v in judged
        if v.measures["held"].median < v.measures["admitted"].median
    ]
    if not judged:
        return Conclusion(aim, "none was admitted", met=None)
    return Conclusion(aim, "; ".join(broken) or f"with {len(judged)} plans and networks", met=not broken)


def _own_limit(capacity: Sequence[Variant]) -> Conclusion:
    aim = f"{STREAMS_AIM} streams in real time with a network that copies, plan {_PLAN}"
    tried = [v for v in capacity if (v.parameters["network"], v.parameters["plan"]) == (COPY, _PLAN)]
    if not tried:
        return Conclusion(aim, "the plan was left out", met=None)
    held, broke = tried[0].measures["held"].median, tried[0].measures.get("broke")
    beyond = f", {broke.median:.0f} do not" if broke else ", no more were tried"
    # Between what holds and what does not, nothing was tried.
    met = True if held >= STREAMS_AIM else False if broke and broke.median <= STREAMS_AIM else None
    return Conclusion(aim, f"{held:.0f} hold{beyond}", met=met)


def _free_beside(variants: Sequence[Variant]) -> Conclusion:
    aim = "a free stream beside takes nothing from those in real time"
    tried = [v for v in of_group(variants, "company") if v.parameters["company"] == FREE and v.measures]
    if not tried:
        return Conclusion(aim, "it was left out, or no stream was admitted", met=None)
    m = tried[0].measures
    wrong = sum(m[fault].median for fault in FAULTS)
    late = m["added_p99"].median if "added_p99" in m else float("inf")
    found = f"{m['opened'].median:.0f} streams: {wrong:.0f} blocks degraded or lost, p99 {late:.1f} ms"
    return Conclusion(aim, found, met=wrong == 0 and late < ON_TIME)
