"""What each window plan would cost here: the candidates of a model, and each one's promise as the daemon makes it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from stemd.config import Config
from stemd.dsp import stft
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import check_grid
from stemd.errors import Overloaded, PlanError
from stemd.protocol import Open, Plan
from stemd.separation.pool import Lane
from stemd.separation.store import Model
from stemd.service import tuning
from stemd.service.fitting import seconds
from stemd.service.library import Library
from stemd.service.opening import promise

RATES = (44_100, 48_000)
_HOPS = range(1, 5)  # steps of the grid
_AROUND = range(-2, 3)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a plan costs.

    Attributes:
        names: of the plan; the second and further ones are other names of the same.
        plan: in the model's frames.
        rate: of the model, in Hz.
        compute: seconds for one segment at worst (p99), of all networks; None where they do not take it.
        latencies: what a stream is promised, in seconds, by the stream's rate; empty where it is refused.
        refusal: why; empty where it is not.
    """

    names: tuple[str, ...]
    plan: WindowPlan
    rate: int
    compute: float | None = None
    latencies: Mapping[int, float] = field(default_factory=dict)
    refusal: str = ""

    @property
    def load(self) -> float | None:
        """Compute time of a hop over the hop's duration."""
        return None if self.compute is None else self.compute * self.rate / self.plan.hop


def candidates(model: Model, config: Config) -> list[tuple[str, WindowPlan]]:
    """Plans by name: the model's own, the configuration's, and on a grid those around the plan `live`."""
    own = model.manifest.plans
    named: list[tuple[str, WindowPlan]] = [
        (name, own[name].window()) for name in ("studio", "live", "fast") if name in own
    ]
    named += [(name, table.window()) for name, table in config.plans.items()]
    return named + (list(_around(model.manifest.live.window())) if model.spectral else [])


def _around(live: WindowPlan) -> Iterator[tuple[str, WindowPlan]]:
    others = [("hop", n * stft.HOP) for n in _HOPS]
    others += [("lookahead", live.lookahead + n * stft.HOP) for n in _AROUND]
    for length, frames in others:
        with suppress(PlanError):
            plan = WindowPlan(**{**_lengths(live), length: frames})
            check_grid(plan)
            yield f"{length} {frames}", plan


def _lengths(plan: WindowPlan) -> dict[str, int]:
    return {name: getattr(plan, name) for name in ("segment", "hop", "overlap", "lookahead")}


def merged(named: Sequence[tuple[str, WindowPlan]]) -> dict[WindowPlan, tuple[str, ...]]:
    """Each plan once, with all its names; what has a name of its own needs none that says its lengths."""
    found: dict[WindowPlan, tuple[str, ...]] = {}
    for name, plan in named:
        if plan not in found or " " not in name:
            found[plan] = (*found.get(plan, ()), name)
    return found


async def automatic(model: Model, config: Config, library: Library) -> tuple[WindowPlan | None, WindowPlan | None]:
    """What plan `auto` takes by the timings of now, and what it remembers from before; None: nothing."""
    live, stems = model.manifest.live.window(), model.manifest.stems
    compute = seconds(await library.timings(model, live, Lane.REALTIME, range(len(model.manifest.specialists))))
    hop = library.hops.hop(model, live, stems)
    remembered = replace(live, hop=hop) if hop else None
    try:
        return tuning.tuned(live, model, compute, [], config.realtime.ahead)[0], remembered
    except Overloaded:
        return None, remembered


async def weigh(
    names: tuple[str, ...], plan: WindowPlan, model: Model, config: Config, library: Library, block: int
) -> Weighed:
    """Time a plan, and ask what a stream alone on this machine would be promised.

    Args:
        names: of the plan.
        plan: in the model's frames.
        model: loaded.
        config: for margins.
        library: of models.
        block: frames of the stream's blocks.
    """
    found = Weighed(names, plan, model.manifest.sample_rate)
    for stream_rate in RATES:
        wire = Plan(plan.segment, plan.hop, plan.overlap, plan.lookahead)
        request = Open(0, "tune", stream_rate, 2, "f32le", block, "realtime", wire, model.manifest.name, None)
        try:
            promised, demand = await promise(request, config, library, {})
        except PlanError as exc:
            return replace(found, refusal=str(exc))
        except Overloaded as exc:
            all_ = range(len(model.manifest.specialists))
            compute = seconds(await library.timings(model, plan, Lane.FREE, all_))
            return replace(found, compute=compute, latencies={}, refusal=str(exc).partition(". ")[0])
        assert demand is not None  # noqa: S101 - a realtime stream
        latencies = {**found.latencies, stream_rate: promised.latency / stream_rate}
        found = replace(found, compute=demand.compute, latencies=latencies)
    return found
