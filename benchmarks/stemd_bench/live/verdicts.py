"""What the figures of `stemd bench live` say about its aims."""

from collections.abc import Sequence
from typing import Final

from stemd_bench.results import Conclusion, Variant

AUTO_AIM, AUTO_MOONSHOT, FAST_AIM = 350.0, 250.0, 200.0  # ms
LATE_AIM: Final = 10.0  # ms after the declared latency, p99
LOAD_AIM: Final = 80.0  # %
LOSS_AIM: Final = 0.5  # dB below studio


def conclude(variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
    """One conclusion for each aim."""
    streams = [v for v in variants if v.parameters["group"] == "stream"]
    losses = {
        str(v.parameters["plan"]): v.measures["loss"].median for v in variants if v.parameters["group"] == "quality"
    }
    return (
        _declared(streams, "auto", AUTO_AIM, f", moonshot {AUTO_MOONSHOT:g} ms", ""),
        _worst(streams, "late_p99", LATE_AIM, f"latency p99 within {LATE_AIM:g} ms of the declared one", "ms"),
        _worst(streams, "load", LOAD_AIM, f"load at most {LOAD_AIM:g} %", "%"),
        _unbroken(streams),
        _loss(losses),
        _declared(streams, "fast", FAST_AIM, "", _cost(losses, "fast")),
    )


def _declared(streams: Sequence[Variant], plan: str, aim_ms: float, moonshot: str, cost: str) -> Conclusion:
    aim = f"plan {plan} declared at {aim_ms:g} ms at most{moonshot}"
    tried = [v for v in streams if v.parameters["plan"] == plan]
    measured = [v for v in tried if "declared" in v.measures]
    if not tried:
        return Conclusion(aim, "the plan was left out", met=None)
    if not measured:
        found = "nothing came" if any(v.measures for v in tried) else "the daemon refused the plan here"
        return Conclusion(aim, found, met=False)
    worst = max(v.measures["declared"].median for v in measured)
    return Conclusion(aim, f"{worst:.1f} ms{cost}", met=worst <= aim_ms)


def _worst(streams: Sequence[Variant], quantity: str, most: float, aim: str, unit: str) -> Conclusion:
    measured = [v for v in streams if quantity in v.measures]
    if not measured:
        return Conclusion(aim, "no stream was opened", met=None)
    worst = max(measured, key=lambda v: v.measures[quantity].high)
    value = worst.measures[quantity].high
    return Conclusion(aim, f"{value:.1f} {unit} at worst: {worst.name}", met=value <= most)


def _unbroken(streams: Sequence[Variant]) -> Conclusion:
    aim = "no block degraded or lost, no gap"
    faults = ("degraded", "lost", "gaps")
    measured = [v for v in streams if "degraded" in v.measures]
    broken = [
        f"{v.name}: " + ", ".join(f"{v.measures[fault].high:.0f} {fault}" for fault in faults)
        for v in measured
        if any(v.measures[fault].high for fault in faults)
    ]
    if not measured:
        return Conclusion(aim, "no stream was opened", met=None)
    blocks = sum(sum(v.measures["blocks"].values) for v in measured)
    return Conclusion(aim, "; ".join(broken) or f"none of {blocks:.0f} blocks", met=not broken)


def _loss(losses: dict[str, float]) -> Conclusion:
    aim = f"plan auto at most {LOSS_AIM:g} dB of SDR below studio"
    if "auto" not in losses:
        return Conclusion(aim, "no song with true stems, or the plan was left out", met=None)
    return Conclusion(aim, f"{losses['auto']:.2f} dB, mean over the songs", met=losses["auto"] <= LOSS_AIM)


def _cost(losses: dict[str, float], plan: str) -> str:
    return f", which costs {losses[plan]:.2f} dB of SDR against studio" if plan in losses else ""
