"""The suite: streams in real time, one after the other, and what their plans make of songs."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from stemd.dsp.plan import WindowPlan
from stemd_bench.live import beside, verdicts
from stemd_bench.live.figures import UNITS, figures
from stemd_bench.live.histogram import draw, lines
from stemd_bench.live.options import Options
from stemd_bench.live.quality import STUDIO, Judge
from stemd_bench.live.setting import fresh, helper, last_line, play, task_for, write_song
from stemd_bench.live.texts import HEADINGS, METHOD
from stemd_bench.process import Daemon
from stemd_bench.results import Conclusion, Report, Skipped, Variant
from stemd_bench.suite import Case, Suite

_BESIDE: Final = "beside a slow network"


class Live(Suite):
    """See Suite.

    Args:
        options: as asked.
    """

    name = "live"
    repeats = 1
    method: tuple[str, ...] = METHOD

    def __init__(self, options: Options) -> None:
        self.options = options
        self.skipped: list[Skipped] = []
        self._judge = Judge(options.song_folders(), options.song_seconds)
        self.units: Mapping[str, str] = {**UNITS, **self._judge.units()}
        scores = (self._judge.headings(),) if self._judge.folders else ()
        self.headings: Sequence[Mapping[str, str]] = (HEADINGS, *scores)
        self._late: dict[str, list[float]] = {}
        self._declared: dict[str, float] = {}
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
                if reason := _write_slow(folder / "models", narrow=self.options.quick):
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

    def _stream(self, name: str, folder: Path, plan: str, rate: int, *, is_beside: bool) -> Mapping[str, float]:
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
        self._late[name], self._declared[name] = result.late, 1e3 * result.declared
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

    def remarks(self, variants: Sequence[Variant]) -> tuple[str, ...]:  # noqa: ARG002 - the blocks are not in there
        """See Suite."""
        told = []
        for name, late in self._late.items():
            if late:
                told += ["", f"{name}: how many blocks arrived so long after the declared latency", *lines(late)]
        return tuple(told)

    def draw(self, report: Report) -> None:  # noqa: ARG002 - the blocks are not in there
        """See Suite."""
        if self.options.plot and self._late:
            draw(self._late, self._declared, self.options.plot)


def _company(daemon: Daemon, *, is_beside: bool) -> AbstractContextManager[object]:
    return helper("stemd_bench.live.beside", daemon.address, beside.MODEL) if is_beside else nullcontext()


def _config(models: Path) -> str:
    return f"[models]\npreload = ['{beside.MODEL}']\nfolders = ['{models}']\n"


def _write_slow(folder: Path, *, narrow: bool) -> str:
    """Write the slow network in a process of its own, which takes PyTorch away with it; why it could not be had."""
    folder.mkdir()
    command = [sys.executable, "-m", "stemd_bench.live.beside", "write", str(folder), *(["narrow"] if narrow else [])]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own
    if not done.returncode:
        return ""
    return f"{last_line(done.stderr)}; HT-Demucs takes the extra: pip install 'stemd[export]'"
