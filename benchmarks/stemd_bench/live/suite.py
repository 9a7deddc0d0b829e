"""The suite: streams in real time, one after the other, and what their plans make of songs."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from stemd.dsp.plan import WindowPlan
from stemd_bench.live import beside, verdicts
from stemd_bench.live.figures import BETTER, UNITS, figures
from stemd_bench.live.histogram import lines
from stemd_bench.live.options import Options
from stemd_bench.live.plots import LATE, plots
from stemd_bench.live.setting import fresh, helper, play, task_for, write_song
from stemd_bench.live.texts import HEADINGS, METHOD
from stemd_bench.plots import Plot
from stemd_bench.process import Daemon
from stemd_bench.quality.judge import STUDIO, Judge
from stemd_bench.results import Better, Conclusion, Report, Skipped, Variant
from stemd_bench.suite import Case, Figures, Suite

_BESIDE: Final = "beside a slow network"


class Live(Suite):
    """See Suite.

    Args:
        options: as asked.
    """

    name = "live"
    repeats = 1
    method: tuple[str, ...] = METHOD
    better: Mapping[str, Better] = {**BETTER, "sdr": "higher"}

    def __init__(self, options: Options) -> None:
        self.options = options
        self.skipped: list[Skipped] = []
        self._judge = Judge(options.song_folders(), options.song_seconds)
        self.units: Mapping[str, str] = {**UNITS, **self._judge.units()}
        scores = (self._judge.headings(),) if self._judge.folders else ()
        self.headings: Sequence[Mapping[str, str]] = (HEADINGS, *scores)
        self._plans: dict[str, WindowPlan] = {}
        self._cases: list[Case] = []

    @property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        return self._cases

    @contextmanager
    def prepared(self, progress: Callable[[str], None]) -> Iterator[None]:
        """See Suite."""
        with tempfile.TemporaryDirectory(prefix="stemd-bench-") as name:
            folder = Path(name)
            for rate in self.options.rates:
                progress(f"the song at {rate / 1000:g} kHz")
                write_song(folder, rate)
            sides = [False]
            if self.options.beside:
                progress("a slow network")
                if reason := beside.write_apart(folder / "models", narrow=self.options.quick):
                    self.skipped.append(Skipped(_BESIDE, reason))
                else:
                    sides.append(True)
            self._cases = [*self._streams(folder, sides), *self._quality()]
            yield

    def _streams(self, folder: Path, sides: Sequence[bool]) -> Iterator[Case]:
        for is_beside in sides:
            for rate in self.options.rates:
                for plan in self.options.plans:
                    name = f"{plan} at {rate / 1000:g} kHz{', ' + _BESIDE if is_beside else ''}"
                    parameters: dict[str, str | int | float] = {"group": "stream", "plan": plan, "rate": rate}
                    parameters |= {"block": 256, "beside": int(is_beside), "seconds": self.options.seconds}
                    run = partial(self._stream, name, folder, plan, rate, is_beside=is_beside)
                    yield Case(name, parameters, run)

    def _quality(self) -> Iterator[Case]:
        if not self._judge.folders:
            reason = f"no folder with songs and true stems at {self.options.songs}; name one with --songs"
            self.skipped.append(Skipped("SDR", reason))
            return
        for plan in (*self.options.plans, STUDIO):
            yield Case(f"{plan}, SDR", {"group": "quality", "plan": plan}, partial(self._score, plan))

    def _stream(self, name: str, folder: Path, plan: str, rate: int, *, is_beside: bool) -> Figures:
        config = _config(folder / "models") if is_beside else ""
        seconds = self.options.seconds
        words = {"song": str(write_song(folder, rate)), "rate": rate, "plan": plan, "seconds": seconds}
        with (
            tempfile.TemporaryDirectory(prefix="stemd-bench-") as cache,
            Daemon(config, fresh(Path(cache))) as daemon,
            _company(daemon, is_beside=is_beside),
        ):
            result = play(task_for(daemon, **words))
        if result.refusal:
            self.skipped.append(Skipped(name, result.refusal))
            return {}
        self._plans.setdefault(plan, WindowPlan(*result.plan))
        return figures(result)

    def _score(self, name: str) -> Mapping[str, float]:
        own = self._judge.model.manifest.plans
        plan = self._plans.get(name) or (own[name].window() if name in own else None)
        if plan is None:
            self.skipped.append(Skipped(f"{name}, SDR", "the daemon did not open the plan, so its hop is not known"))
            return {}
        return self._judge.figures(plan)

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """See Suite."""
        return verdicts.conclude(variants)

    def derive(self, variants: Sequence[Variant]) -> tuple[Variant, ...]:
        """See Suite: those that were left out of quality have no figures; refused streams stay, to be judged."""
        return tuple(v for v in variants if v.measures or v.parameters["group"] == "stream")

    def remarks(self, variants: Sequence[Variant]) -> tuple[str, ...]:
        """See Suite."""
        told = []
        for variant in variants:
            if late := variant.distributions.get(LATE):
                told += [
                    "",
                    f"{variant.name}: how many blocks arrived so long after the declared latency",
                    *lines(late),
                ]
        return tuple(told)

    def plots(self, report: Report) -> Sequence[Plot]:
        """See Suite."""
        return plots(report)


def _company(daemon: Daemon, *, is_beside: bool) -> AbstractContextManager[object]:
    return helper("stemd_bench.live.beside", daemon.address, beside.MODEL) if is_beside else nullcontext()


def _config(models: Path) -> str:
    return f"[models]\npreload = ['{beside.MODEL}']\nfolders = ['{models}']\n"
