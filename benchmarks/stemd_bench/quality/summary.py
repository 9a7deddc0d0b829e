"""From the scores of songs to those of all songs together."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from stemd_bench.quality.cases import OFFLINE
from stemd_bench.quality.texts import BETTER, UNITS
from stemd_bench.results import Measure, Parameter, Variant

_SCORES: Final = ("sdr", "si_sdr", "bsseval")


def summaries(variants: Sequence[Variant]) -> Iterator[Variant]:
    """For each stem and way mean and median over the songs, and how far the mean is below plan `studio` offline.

    Mean and median are of the songs that have the score in every way, so that ways can be compared: to take a mixture
    for a stem that is all there is of it is perfect, which no finite number says.
    """
    scores = [v for v in variants if v.parameters["group"] == "score" and v.measures]
    keys = dict.fromkeys(_key(variant) for variant in scores)
    for stem, way, plan in keys:
        found = [v for v in scores if _key(v) == (stem, way, plan)]
        shared = {score: _shared([v for v in scores if v.parameters["stem"] == stem], score) for score in _SCORES}
        studio = {v.parameters["song"]: v for v in scores if _key(v)[:2] == (stem, OFFLINE)}
        figures = _figures(found, shared)
        pairs = [(studio[song], v) for v in found if (song := v.parameters["song"]) in studio]
        losses = [best.measures["sdr"].median - v.measures["sdr"].median for best, v in pairs if _both(best, v)]
        if losses:
            figures["loss"] = statistics.mean(losses)
        measures = {q: Measure.of([value], UNITS[q], BETTER.get(q)) for q, value in figures.items()}
        title = f"{stem}: {f'{plan}, {way}' if plan else way}"
        yield Variant(title, {"group": "summary", "stem": stem, "way": way, "plan": plan}, measures)


def _shared(scores: Sequence[Variant], score: str) -> set[Parameter]:
    """The songs that have it in each way in which any has it; `scores` are of one stem."""
    having = [v for v in scores if score in v.measures]
    ways = {key: {v.parameters["song"] for v in having if _key(v) == key} for key in map(_key, having)}
    return set.intersection(*ways.values()) if ways else set()


def _figures(found: Sequence[Variant], shared: Mapping[str, set[Parameter]]) -> dict[str, float]:
    figures = {}
    for score in _SCORES:
        own = [v for v in found if v.parameters["song"] in shared[score]]
        if values := [v.measures[score].median for v in own if score in v.measures]:
            figures[f"{score}_mean"] = statistics.mean(values)
            figures[f"{score}_median"] = statistics.median(values)
    return figures


def _both(one: Variant, other: Variant) -> bool:
    return "sdr" in one.measures and "sdr" in other.measures


def _key(variant: Variant) -> tuple[str, str, str]:
    stem, way, plan = (str(variant.parameters[name]) for name in ("stem", "way", "plan"))
    return stem, way, plan
