"""What the figures of `stemd bench latency` say about its aims."""

from collections.abc import Sequence
from typing import Final

from stemd_bench.latency.blocks import STAGES
from stemd_bench.latency.texts import TITLES
from stemd_bench.results import Conclusion, Variant

LATE_AIM: Final = 10.0  # ms after the declared latency, p99


def conclude(variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
    """One conclusion for each aim."""
    played = [v for v in variants if "late" in v.distributions]
    return _kept(played), _unbroken(variants), _climbs(variants), _beside(variants)


def slowest(variants: Sequence[Variant]) -> str:
    """What the slowest blocks of the base waited for; empty where it was not measured."""
    base = [v for v in variants if v.parameters["group"] == "base" and "latency_mean" in v.measures]
    if not base:
        return ""
    measures = base[0].measures
    more = {name: measures[f"{name}_slowest"].mean() - measures[f"{name}_mean"].mean() for name in STAGES}
    longest = sorted(more, key=lambda name: -more[name])[:2]
    told = " and ".join(f"{more[name]:.1f} ms more in {TITLES[name]}" for name in longest)
    return f"{base[0].name}: the slowest hundredth took {sum(more.values()):.1f} ms more than the mean; {told}."


def _kept(played: Sequence[Variant]) -> Conclusion:
    aim = f"p99 of each case at most {LATE_AIM:g} ms after its declared latency"
    if not played:
        return Conclusion(aim, "no stream was opened", met=None)
    late = {v.name: v.distributions["late"].p99 for v in played}
    broken = [f"{name}: {ms:.1f} ms" for name, ms in late.items() if ms > LATE_AIM]
    worst = max(late, key=lambda name: late[name])
    kept = f"{late[worst]:.1f} ms at worst: {worst}"
    return Conclusion(aim, f"not {'; '.join(broken)}" if broken else kept, met=not broken)


def _unbroken(variants: Sequence[Variant]) -> Conclusion:
    aim = "no block of a stream that was admitted is degraded or lost"
    played = [v for v in variants if "blocks" in v.measures]
    if not played:
        return Conclusion(aim, "no stream was opened", met=None)
    broken = [
        f"{v.name}: {sum(v.measures['degraded'].values):.0f} degraded, {sum(v.measures['lost'].values):.0f} lost"
        for v in played
        if any((*v.measures["degraded"].values, *v.measures["lost"].values))
    ]
    blocks = sum(sum(v.measures["blocks"].values) for v in played)
    return Conclusion(aim, "; ".join(broken) or f"none of {blocks:.0f} blocks", met=not broken)


def _climbs(variants: Sequence[Variant]) -> Conclusion:
    aim = "no block degrades below the load at which the latency was promised"
    climbs = [v for v in variants if v.parameters["group"] == "load" and "declared" in v.measures]
    if not climbs:
        return Conclusion(aim, "no such stream was opened", met=None)
    told = []
    for v in climbs:
        clean, first = (v.measures.get(f"load_{end}") for end in ("clean", "degrading"))
        begin = f"clean to {clean.median:.0f} %" if clean else "clean at none"
        end = f"first degraded at {first.low:.0f} %" if first else "none degraded"
        told.append(f"promised at {v.parameters['promised']} %: {begin}, {end}")
    met = all(
        v.measures["load_degrading"].low > float(v.parameters["promised"])
        for v in climbs
        if "load_degrading" in v.measures
    )
    return Conclusion(aim, "; ".join(told), met=met)


def _beside(variants: Sequence[Variant]) -> Conclusion:
    aim = "declared sooner than by the rule of GStreamer's element"
    by_group = {
        str(v.parameters["group"]): v.measures["declared"].median
        for v in reversed(variants)
        if "declared" in v.measures
    }
    if not by_group.keys() >= {"base", "rule"}:
        return Conclusion(aim, "no stream was opened", met=None)
    ours, theirs = by_group["base"] / 1e3, by_group["rule"] / 1e3
    return Conclusion(aim, f"{ours:.2f} s, against {theirs:g} s at its default overlap", met=ours < theirs)
