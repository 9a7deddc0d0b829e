"""What follows from the times: each contender against the others, and against the floor."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from stemd_bench.network.names import BAGS, COMPILED, EAGER, FAST, OPENVINO, PEER
from stemd_bench.network.texts import BETTER
from stemd_bench.results import Better, Measure, Variant

TIMES: Final = "times"


@dataclasses.dataclass(frozen=True, slots=True)
class Floor:
    """What there is to compute, and how fast this machine could: GFLOP of one specialist's segment, GFLOP/s."""

    gflop: float
    rate: float

    @property
    def seconds(self) -> float:
        """The shortest time that a specialist could take."""
        return self.gflop / self.rate


def floor(variants: Sequence[Variant]) -> Floor | None:
    """The work of our fast graph at the best rate that any library reached; None where either is unknown."""
    work = [v.measures["gflop"].median for v in variants if v.name == FAST and "gflop" in v.measures]
    rates = [v.measures["rate"].high for v in variants if v.parameters.get("group") == "floor"]
    return Floor(work[0], max(rates)) if work and rates else None


def derive(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """Add each row's ratios, repeat by repeat, since what disturbs a repeat disturbs all that is in it."""
    # What is known of a row may be its file alone: who failed after being weighed was never timed.
    timed = {v.name: v for v in variants if "seconds" in v.measures}
    least = floor(variants)
    return tuple(_with(v, _ratios(v, timed, least)) for v in variants)


def _ratios(variant: Variant, timed: Mapping[str, Variant], least: Floor | None) -> dict[str, Measure]:
    if variant.parameters.get("group") != "network" or variant.name not in timed:
        return {}
    bag = variant.name in BAGS.values()
    against = {"eager": BAGS[EAGER]} if bag else {"eager": EAGER, "compiled": COMPILED, "peer": PEER}
    found = {quantity: timed[name] for quantity, name in against.items() if name in timed}
    own = variant.measures["seconds"].values
    ratios = {q: over(other.measures["seconds"].values, own, BETTER.get(q)) for q, other in found.items()}
    single = {BAGS[name]: name for name in (EAGER, FAST, OPENVINO)}.get(variant.name, "")
    if single in timed:
        ratios["one"] = over(own, timed[single].measures["seconds"].values)
    if least:
        count = float(variant.parameters["specialists"])
        ratios["floor"] = over(own, [count * least.seconds] * len(own), BETTER.get("floor"))
    return ratios


def over(above: Sequence[float], below: Sequence[float], better: Better | None = None) -> Measure:
    """The ratio of two times, repeat by repeat; `better` says which way is progress."""
    return Measure.of([a / b for a, b in zip(above, below, strict=True)], TIMES, better)


def _with(variant: Variant, measures: Mapping[str, Measure]) -> Variant:
    return msgspec.structs.replace(variant, measures={**variant.measures, **measures})
