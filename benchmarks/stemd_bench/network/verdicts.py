"""What the figures of `stemd bench network` say about its aims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stemd_bench.network.joined import HANN, PLAN
from stemd_bench.network.names import APART, BAGS, FAST, OPENVINO
from stemd_bench.results import Conclusion, Variant


@dataclass(frozen=True, slots=True)
class Aim:
    """One quantity of one row, and what it should be: at least `goal`, or at most."""

    text: str
    row: str
    quantity: str
    goal: float
    unit: str = "x"
    most: bool = False

    def judge(self, named: Mapping[str, Variant], *, counts: bool) -> Conclusion:
        """Met by the median or not; neither where it was not measured or the network is not the published one."""
        measure = named[self.row].measures.get(self.quantity) if self.row in named else None
        if measure is None:
            return Conclusion(self.text, "a figure is missing: see what was left out", met=None)
        value = measure.median / (1e3 if self.unit == "GB" else 1)
        found = f"{value:.2f}{'' if self.unit == 'x' else ' '}{self.unit}"
        if not counts:
            return Conclusion(self.text, f"{found} with the narrow network, which says nothing", met=None)
        return Conclusion(self.text, found, met=value <= self.goal if self.most else value >= self.goal)


AIMS: Final = (
    Aim("onnxruntime at least 1.31x as fast as PyTorch eager", FAST, "eager", 1.31),
    Aim("onnxruntime at least 1.65x as fast as demucs-onnx", FAST, "peer", 1.65),
    Aim("OpenVINO at least 1.45x as fast as PyTorch eager", OPENVINO, "eager", 1.45),
    Aim("onnxruntime within 1.4x of the sgemm floor", FAST, "floor", 1.4, most=True),
    Aim("OpenVINO within 1.4x of the sgemm floor", OPENVINO, "floor", 1.4, most=True),
    Aim("one specialist under 1.3 GB in onnxruntime", FAST, "peak", 1.3, "GB", most=True),
    Aim("four specialists in one process under 2.1 GB", BAGS[FAST], "peak", 2.1, "GB", most=True),
)


def conclude(variants: Sequence[Variant], *, counts: bool) -> tuple[Conclusion, ...]:
    """One conclusion for each aim.

    Args:
        variants: the rows, with their ratios.
        counts: whether the network was the published one.
    """
    named = {v.name: v for v in variants}
    return tuple(aim.judge(named, counts=counts) for aim in AIMS)


def remarks(variants: Sequence[Variant]) -> tuple[str, ...]:
    """What else is worth a sentence."""
    named = {v.name: v for v in variants}
    return tuple(said for said in (*_bags(named), _memory(named), _joining(named)) if said)


def _bags(named: Mapping[str, Variant]) -> list[str]:
    shown = [(row, named[row].measures) for row in BAGS.values() if row in named]
    words = [f"{m['one'].median:.2f}x ({row.removeprefix('bag: ')})" for row, m in shown if "one" in m]
    return [f"The full bag takes as long as one specialist {', '.join(words)}."] if words else []


def _memory(named: Mapping[str, Variant]) -> str:
    rows = [named[row].measures.get("peak") for row in (BAGS[FAST], APART) if row in named]
    if len(rows) < 2 or rows[0] is None or rows[1] is None:
        return ""
    shared, apart = rows[0].median / 1e3, rows[1].median / 1e3
    return f"Four specialists in onnxruntime: {shared:.2f} GB with shared working memory, {apart:.2f} GB without."


def _joining(named: Mapping[str, Variant]) -> str:
    if PLAN not in named or HANN not in named:
        return ""
    cost, runs = ([named[row].measures[q].median for row in (PLAN, HANN)] for q in ("per_second", "runs"))
    return (
        f"A second of audio costs {cost[0]:.3f} s by the 75 % plan ({runs[0]:.0f} network runs) and {cost[1]:.3f} s "
        f"the article's way, hop 25 % and Hann ({runs[1]:.0f} runs): {cost[1] / cost[0]:.2f} times as much."
    )
