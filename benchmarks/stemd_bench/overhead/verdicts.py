"""What the figures of `stemd bench overhead` say about its aims."""

from collections.abc import Iterable, Sequence
from typing import Final

from stemd_bench.overhead.figures import FAULTS
from stemd_bench.overhead.task import ON_TIME
from stemd_bench.results import Conclusion, Variant

P99_AIM: Final = 5.0  # ms
STREAMS_AIM: Final = 50


def holds(variant: Variant) -> bool:
    """Whether all streams asked for ran in real time, in every repeat."""
    m = variant.measures
    return (
        m["opened"].low >= float(variant.parameters["streams"])
        and all(m[fault].high == 0 for fault in FAULTS)
        and m["added_p99"].high < ON_TIME
    )


def conclude(variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
    """One conclusion for each aim."""
    paced = [v for v in variants if v.parameters["timing"] == "realtime"]
    return (_latency(paced), *(_streams(paced, rate) for rate in sorted({_rate(v) for v in paced})))


def _latency(paced: Iterable[Variant]) -> Conclusion:
    held = [v for v in paced if holds(v) and _count(v) <= STREAMS_AIM]
    aim = f"added latency under {P99_AIM:g} ms at p99, up to {STREAMS_AIM} streams"
    if not held:
        return Conclusion(aim, "no case ran in real time in every repeat", met=False)
    worst = max(held, key=lambda v: v.measures["added_p99"].median)
    p99 = worst.measures["added_p99"].median
    return Conclusion(aim, f"{p99:.1f} ms at worst among the cases that hold: {worst.name}", met=p99 < P99_AIM)


def _streams(paced: Iterable[Variant], rate: int) -> Conclusion:
    tried = sorted((v for v in paced if _rate(v) == rate), key=_count)
    held = 0
    for variant in tried:
        if not holds(variant):
            break
        held = _count(variant)
    most = _count(tried[-1])
    beyond = "no more were tried" if held == most else f"{next(n for n in map(_count, tried) if n > held)} do not"
    met = held >= STREAMS_AIM if held >= STREAMS_AIM or most >= STREAMS_AIM else None
    return Conclusion(f"{STREAMS_AIM} streams in real time at {rate / 1000:g} kHz", f"{held} hold, {beyond}", met=met)


def _rate(variant: Variant) -> int:
    return int(variant.parameters["rate"])


def _count(variant: Variant) -> int:
    return int(variant.parameters["streams"])
