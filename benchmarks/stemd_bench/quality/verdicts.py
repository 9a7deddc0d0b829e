"""What the figures of `stemd bench quality` say about its aims."""

from collections.abc import Sequence
from typing import Final

from stemd_bench.quality.cases import CUT_OFF
from stemd_bench.results import Conclusion, Variant

LOSS_AIM: Final = 0.5  # dB below studio
LEVEL_AIM: Final = 0.5  # dB
CLICK_AIM: Final = 1.05  # times elsewhere


def conclude(variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
    """One conclusion for each aim."""
    clicks = [v for v in _group(variants, "clicks") if "click" in v.measures]
    return (
        _exact(_group(variants, "score")),
        _sum_law(_group(variants, "sum")),
        _loss(_group(variants, "curve")),
        _level(_group(variants, "level")),
        _joins([v for v in clicks if not is_control(v)]),
        _control([v for v in clicks if is_control(v)]),
    )


def is_control(variant: Variant) -> bool:
    """Whether it is one of the segments that were cut off, which must click."""
    return variant.parameters.get("plan") == CUT_OFF


def _group(variants: Sequence[Variant], name: str) -> list[Variant]:
    return [v for v in variants if v.parameters["group"] == name and v.measures]


def _exact(scores: Sequence[Variant]) -> Conclusion:
    aim = "streams give what the same plan gives offline, to the last bit"
    compared = [v for v in scores if "differing" in v.measures]
    if not compared:
        return Conclusion(aim, "nothing was streamed", met=None)
    wrong = [v.name for v in compared if v.measures["differing"].median]
    streams = len({(v.parameters["song"], v.parameters["plan"]) for v in compared})
    return Conclusion(aim, "not so: " + ", ".join(wrong) if wrong else f"streams compared: {streams}", met=not wrong)


def _sum_law(sums: Sequence[Variant]) -> Conclusion:
    aim = "vocals and instrumental add up to the mixture: rounded once in float32, exactly in 16 bits"
    over = sum(v.measures["over"].median for v in sums)
    samples = sum(v.measures["samples"].median for v in sums)
    if not samples:
        return Conclusion(aim, "nothing was streamed, or the model gives no vocals", met=None)
    return Conclusion(aim, f"{over:.0f} of {samples:.0f} samples do not", met=over == 0)


def _loss(curve: Sequence[Variant]) -> Conclusion:
    aim = f"plan auto at most {LOSS_AIM:g} dB of SDR below studio"
    auto = next((v for v in curve if v.parameters["plan"] == "auto" and "curve_loss" in v.measures), None)
    if auto is None:
        return Conclusion(aim, "the plan was left out", met=None)
    loss, latency = auto.measures["curve_loss"].median, auto.measures.get("latency")
    at = f", at {latency.median:.0f} ms" if latency else ""
    return Conclusion(aim, f"{loss:.2f} dB{at}", met=loss <= LOSS_AIM)


def _level(levels: Sequence[Variant]) -> Conclusion:
    aim = f"quiet or loud, the vocals' level is right within {LEVEL_AIM:g} dB"
    if not levels:
        return Conclusion(aim, "no song with vocals", met=None)
    worst: dict[float, float] = {}
    for variant in levels:
        level, error = float(variant.parameters["level"]), variant.measures["level_error"].median
        worst[level] = max(worst.get(level, 0.0), error, key=abs)
    found = ", ".join(f"{error:+.1f} dB at {level:g} dBFS" for level, error in worst.items())
    return Conclusion(aim, f"at worst {found}", met=max(map(abs, worst.values())) <= LEVEL_AIM)


def _joins(clicks: Sequence[Variant]) -> Conclusion:
    aim = f"joins no rougher than elsewhere: flux at most {CLICK_AIM:g} times as large, or within chance"
    if not clicks:
        return Conclusion(aim, "no joins", met=None)
    rough = [v for v in clicks if v.measures["click"].median > max(CLICK_AIM, v.measures["chance"].median)]
    shown = ", ".join(f"{v.measures['click'].median:.2f} ({v.parameters['plan']})" for v in rough or clicks)
    return Conclusion(aim, shown, met=not rough)


def _control(clicks: Sequence[Variant]) -> Conclusion:
    aim = "segments that are cut off instead of joined are found to click"
    if not clicks:
        return Conclusion(aim, "no song at the model's rate", met=None)
    found = ", ".join(
        f"{v.measures['click'].median:.2f} times, p95 {v.measures['click_p95'].median:.2f}" for v in clicks
    )
    seen = all(v.measures["click"].median > max(CLICK_AIM, v.measures["chance"].median) for v in clicks)
    return Conclusion(aim, found, met=seen)
