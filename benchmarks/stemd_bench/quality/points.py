"""The plans that songs go through, each with the latency that the daemon declares for it on this machine."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from stemd.dsp import stft
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import check_grid
from stemd.errors import PlanError, StemdError
from stemd.separation.store import Model
from stemd_bench.quality.article import whole_segment
from stemd_bench.quality.judge import STUDIO
from stemd_bench.quality.streaming import Way, window
from stemd_bench.results import Skipped

ARTICLE: Final = "article"
BETWEEN: Final = "hop "  # what the names of plans begin with that have none of their own
# Hop and lookahead in steps of the STFT, for points between `live` and `studio`; the cheap ones first.
_STEPS: Final = ((32, 8), (8, 5), (4, 4), (2, 5), (2, 7))
_QUICK: Final = 2


@dataclass(frozen=True, slots=True)
class Point:
    """A plan.

    Attributes:
        name: of the plan.
        plan: in the model's frames.
        latency: in ms; as declared, or where `declared` is false hop + overlap + lookahead alone.
        declared: whether the daemon declares it.
        streamed: whether songs are streamed by it; else they are separated offline.
    """

    name: str
    plan: WindowPlan
    latency: float
    declared: bool
    streamed: bool

    def figures(self, rate: int) -> dict[str, float]:
        """In ms `window`, the plan's own part at the model's `rate`, and `latency` where the daemon declares it.

        With the plan's own in its place, a plan would seem to get sooner where it is refused.
        """
        own = {"window": 1e3 * self.plan.latency / rate}
        return own | ({"latency": self.latency} if self.declared else {})


def measured_points(
    model: Model, names: Sequence[str], way: Way, progress: Callable[[str], None], *, quick: bool
) -> tuple[list[Point], list[Skipped]]:
    """Ask the daemon for each plan, and say which it does not take: in a realtime stream, or at all."""
    points, skipped = [], []
    own = {name: row.window() for name, row in model.manifest.plans.items()}
    asked: list[tuple[str, str | WindowPlan]] = [(name, name) for name in dict.fromkeys((*names, STUDIO))]
    between = list(_between(model))
    for name, plan in [*asked, *(between[:_QUICK] if quick else between)]:
        progress(f"{name}: latency")
        rate, streamed = model.manifest.sample_rate, name in names
        try:
            opened = way.declared(plan, rate)
            points.append(Point(name, window(opened.plan), 1e3 * opened.latency / rate, True, streamed))
        except StemdError as exc:
            known = plan if isinstance(plan, WindowPlan) else own.get(plan)
            skipped.append(Skipped(f"{name}: {'declared latency' if known else 'plan'}", str(exc)))
            if known:
                points.append(Point(name, known, 1e3 * known.latency / rate, False, streamed))
    return points, skipped


def article_latency(model: Model, points: Sequence[Point]) -> float:
    """What joining as in the article would come to, in ms.

    A frame is done once the last segment that it lies in is there: after a whole segment. To that comes what the daemon
    adds for plan `studio`: a block, computing and margin.
    """
    rate = model.manifest.sample_rate
    studio = next(point for point in points if point.name == STUDIO)
    return 1e3 * whole_segment(model).hop / rate + studio.latency - 1e3 * studio.plan.latency / rate


def _between(model: Model) -> Iterator[tuple[str, WindowPlan]]:
    live = model.manifest.live.window()
    if not model.spectral:
        return
    for hop, lookahead in _STEPS:
        with suppress(PlanError):
            plan = replace(live, hop=hop * stft.HOP, lookahead=lookahead * stft.HOP)
            check_grid(plan)
            yield f"{BETWEEN}{plan.hop}, lookahead {plan.lookahead}", plan
