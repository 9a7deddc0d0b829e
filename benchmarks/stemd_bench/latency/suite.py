"""The suite: a stream of each kind through a real daemon, and a stream whose load rises until a block degrades."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from stemd_bench.latency import ladder, rule, verdicts
from stemd_bench.latency.cases import COPY, DEMUCS, NARROW, RATE, Setting, settings
from stemd_bench.latency.figures import BETTER, UNITS, figures
from stemd_bench.latency.ladder import REFUSED, Climb
from stemd_bench.latency.measuring import measure
from stemd_bench.latency.options import Options
from stemd_bench.latency.texts import LOADS, MEANS, METHOD, OVERVIEW, SLOWEST
from stemd_bench.live import beside
from stemd_bench.live.setting import write_song
from stemd_bench.overhead.copying import write_model
from stemd_bench.plots import Plot
from stemd_bench.results import Better, Conclusion, Measure, Parameter, Report, Skipped, Variant
from stemd_bench.suite import Case, Figures, Suite

_STEP_UNITS: Final = {"step_load": "%", "step_spare": "ms", "step_least": "ms", "step_degraded": "of 1"}


class Latency(Suite):
    """See Suite.

    Args:
        options: as asked.
    """

    name = "latency"
    method: tuple[str, ...] = METHOD
    units: Mapping[str, str] = UNITS
    better: Mapping[str, Better] = BETTER
    headings: Sequence[Mapping[str, str]] = (OVERVIEW, MEANS, SLOWEST, LOADS)

    def __init__(self, options: Options) -> None:
        self.options, self.repeats = options, options.repeats
        self._cases: list[Case] = []
        self.skipped: list[Skipped] = []
        self._most: dict[str, int] = {}  # streams that were not admitted, by network
        self._climbs: defaultdict[float, list[Climb]] = defaultdict(list)

    @property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        return self._cases

    @contextmanager
    def prepared(self, progress: Callable[[str], None]) -> Iterator[None]:
        """See Suite."""
        with tempfile.TemporaryDirectory(prefix="stemd-bench-") as name:
            folder = Path(name)
            (folder / "models").mkdir()
            progress("the song")
            song = write_song(folder, RATE)
            networks = [network for network in self.options.networks if self._made(network, folder, progress)]
            self._cases = [*self._streams(folder, song, networks), *self._loads(folder), *_rules()]
            yield

    def _made(self, network: str, folder: Path, progress: Callable[[str], None]) -> bool:
        """Write a network's model, if it is not shipped; False where that cannot be."""
        models = folder / "models" / network
        if network == COPY:
            write_model(models)
        elif network in (DEMUCS, NARROW):
            progress(f"{network} with seeded weights")
            if reason := beside.write_apart(models, narrow=network == NARROW):
                self._skip(network, reason)
                return False
        return True

    def _streams(self, folder: Path, song: Path, networks: Sequence[str]) -> Iterator[Case]:
        for setting in settings(self.options.plans, self.options.streams, networks):
            parameters: dict[str, Parameter] = {**setting.parameters(), "seconds": self.options.seconds}
            yield Case(setting.name, parameters, partial(self._stream, setting, folder, song))

    def _loads(self, folder: Path) -> Iterator[Case]:
        for promised in self.options.promised:
            percent = round(100 * promised)
            name = f"rising load, promised at {percent} %"
            parameters: dict[str, Parameter] = {
                "group": "load",
                "promised": percent,
                "refused": round(100 * REFUSED, 1),
            }
            yield Case(name, parameters, partial(self._climb, name, promised, folder))

    def _stream(self, setting: Setting, folder: Path, song: Path) -> Figures:
        if setting.streams >= self._most.get(setting.network, setting.streams + 1):
            self._skip(setting.name, f"{self._most[setting.network]} were refused already")
            return {}
        heard = measure(setting, folder, song, self.options.seconds)
        if refusal := heard.result.refusal:
            if setting.group == "streams":
                self._most[setting.network] = setting.streams
                refusal = f"{heard.result.opened} were admitted, then: {refusal}"
            self._skip(setting.name, refusal)
            return {}
        return figures(heard)

    def _climb(self, name: str, promised: float, folder: Path) -> Figures:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            climb = ladder.climb(promised, Path(place), self.options.step, self.options.step_seconds)
        if climb.refusal:
            self._skip(name, climb.refusal)
            return {}
        self._climbs[promised].append(climb)
        found = {"declared": climb.declared, "load_clean": climb.clean, "load_degrading": climb.degrading}
        return {
            quantity: value if quantity == "declared" else 100 * value
            for quantity, value in found.items()
            if value is not None
        }

    def _skip(self, name: str, reason: str) -> None:
        """Note what is left out; in further repeats once is enough."""
        if name not in [one.name for one in self.skipped]:
            self.skipped.append(Skipped(name, reason))

    def derive(self, variants: Sequence[Variant]) -> tuple[Variant, ...]:
        """See Suite: without what was refused, and with each step of the rising loads."""
        steps = [v for promised, climbs in self._climbs.items() for v in _steps(promised, climbs)]
        return (*(v for v in variants if v.measures), *steps)

    def remarks(self, variants: Sequence[Variant]) -> tuple[str, ...]:
        """See Suite."""
        return tuple(filter(None, [verdicts.slowest(variants)]))

    def plots(self, report: Report) -> Sequence[Plot]:
        """See Suite."""
        from stemd_bench.latency.plots import plots  # noqa: PLC0415 - only where it is wanted

        return plots(report)

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """See Suite."""
        return verdicts.conclude(variants)


def _rules() -> Iterator[Case]:
    for overlap in rule.OVERLAPS:
        parameters: dict[str, Parameter] = {"group": "rule", "overlap": overlap, "computed": 1}
        yield Case(f"GStreamer's rule, overlap {100 * overlap:.0f} %", parameters, partial(_declared, overlap))


def _declared(overlap: float) -> Figures:
    return {"declared": 1e3 * rule.declared(overlap)}


def _steps(promised: float, climbs: Sequence[Climb]) -> Iterator[Variant]:
    """One variant for each load that was asked for, over all repeats."""
    asked = sorted({step.asked for climb in climbs for step in climb.steps})
    for load in asked:
        taken = [step for climb in climbs for step in climb.steps if step.asked == load]
        values: dict[str, list[float]] = {
            "step_load": [100 * step.load for step in taken],
            "step_least": [step.spare[0] for step in taken],
            "step_spare": [step.spare[1] for step in taken],
            "step_degraded": [float(step.degraded) for step in taken],
        }
        measures = {quantity: Measure.of(each, _STEP_UNITS[quantity]) for quantity, each in values.items()}
        at, percent = round(100 * promised), round(100 * load)
        parameters: dict[str, Parameter] = {"group": "step", "promised": at, "asked": percent}
        yield Variant(f"promised at {at} %, {percent} %", parameters, measures)
