"""The suite: all contenders in one process, taking turns."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from stemd.audio import Float32Array
from stemd_bench.network import material, plots, ratios, verdicts
from stemd_bench.network.floor import floors
from stemd_bench.network.joined import QUICK_SECONDS, SECONDS, Joined
from stemd_bench.network.lineup import Entry, lineup
from stemd_bench.network.names import FAST
from stemd_bench.network.options import Options
from stemd_bench.network.ready import Facts, Ready, load, weigh
from stemd_bench.network.texts import BETTER, HEADINGS, METHOD, UNITS
from stemd_bench.network.timing import timed
from stemd_bench.plots import Plot
from stemd_bench.results import Better, Conclusion, Parameter, Report, Skipped, Variant
from stemd_bench.song import make_song
from stemd_bench.suite import Case, Suite

_SIZE: Final = 2_048  # of the matrices that show the floor
_QUICK_SIZE: Final = 256
_START: Final = 4.0  # seconds into the song, where everybody plays


class Network(Suite):
    """See Suite.

    Args:
        options: as asked.
    """

    name = "network"
    method: tuple[str, ...] = METHOD
    units: Mapping[str, str] = UNITS
    better: Mapping[str, Better] = BETTER
    headings: Sequence[Mapping[str, str]] = HEADINGS

    def __init__(self, options: Options) -> None:
        self.options = options
        self.repeats = options.repeats
        self.skipped: list[Skipped] = []
        self._cases: list[Case] = []

    @property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        return self._cases

    @contextmanager
    def prepared(self, progress: Callable[[str], None]) -> Iterator[None]:
        """See Suite."""
        options = self.options
        with tempfile.TemporaryDirectory(prefix="stemd-bench-") as name:
            folder = Path(name)
            files = material.write(folder, options.storage, options.peer, progress, quick=options.quick)
            entries, absent = lineup(files, options, folder / "compiled")
            facts, failed = weigh(entries, options, progress)
            progress("the song")
            signal = make_song(files.rate, QUICK_SECONDS if options.quick else SECONDS)["mixture"]
            start = round(_START * files.rate)
            segment = signal[:, start : start + files.frames].copy()
            ready, broken = load([entry for entry in entries if entry.name in facts], segment, progress)
            self.skipped += [*absent, *failed, *broken]
            cases = [
                _case(entry, ready.get(entry.name), segment, facts[entry.name])
                for entry in entries
                if entry.name in facts
            ]
            self._cases = [*cases, *_floors(options), *_joined(ready, signal, files.rate, files.frames)]
            yield

    def derive(self, variants: Sequence[Variant]) -> tuple[Variant, ...]:
        """See Suite."""
        return ratios.derive([variant for variant in variants if variant.measures])

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """See Suite."""
        return verdicts.conclude(variants, counts=not self.options.quick)

    def remarks(self, variants: Sequence[Variant]) -> tuple[str, ...]:
        """See Suite."""
        return verdicts.remarks(variants)

    def plots(self, report: Report) -> Sequence[Plot]:
        """See Suite."""
        return plots.plots(report)


def _case(entry: Entry, ready: Ready | None, segment: Float32Array, facts: Facts) -> Case:
    """Times the contender, if it is to be timed; the first call tells what else is known of it."""
    recipe = entry.recipe
    parameters: dict[str, Parameter] = {
        "group": "network",
        "engine": recipe.engine or f"PyTorch, {recipe.kind}",
        "specialists": len(recipe.files),
        "threads": recipe.threads,
    }
    told = [{**facts, **(ready.parity if ready else {})}]

    def run() -> Mapping[str, float]:
        known = told.pop() if told else {}
        return {**(timed(partial(ready.contender.run, segment)) if ready else {}), **known}

    return Case(entry.name, parameters, run)


def _floors(options: Options) -> list[Case]:
    """Each library's best rate."""
    size = _QUICK_SIZE if options.quick else _SIZE
    return [
        Case(
            f"sgemm in {library}", {"group": "floor", "threads": options.threads, "size": size}, partial(_rate, measure)
        )
        for library, measure in floors(size, options.threads).items()
    ]


def _rate(measure: Callable[[], float]) -> Mapping[str, float]:
    return {"rate": measure()}


def _joined(ready: Mapping[str, Ready], signal: Float32Array, rate: int, frames: int) -> list[Case]:
    if FAST not in ready:
        return []
    network = ready[FAST].contender
    return Joined(signal, rate, frames, lambda segment: network.run(segment)[0]).cases()
