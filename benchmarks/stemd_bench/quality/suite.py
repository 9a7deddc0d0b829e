"""The suite: songs through every plan, offline and through a daemon of its own."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from stemd.errors import ConfigError
from stemd_bench.live.setting import fresh
from stemd_bench.plots import Plot
from stemd_bench.process import Daemon
from stemd_bench.quality import plots, second_opinion
from stemd_bench.quality.cases import Cases
from stemd_bench.quality.judge import Judge
from stemd_bench.quality.options import Options
from stemd_bench.quality.passes import Passes
from stemd_bench.quality.points import measured_points
from stemd_bench.quality.songs import MADE_UP, Shelf
from stemd_bench.quality.streaming import Way
from stemd_bench.quality.summary import summaries
from stemd_bench.quality.texts import BETTER, HEADINGS, METHOD, UNITS
from stemd_bench.quality.verdicts import conclude, is_control
from stemd_bench.results import Better, Conclusion, Report, Skipped, Variant
from stemd_bench.suite import Case, Suite


class Quality(Suite):
    """See Suite.

    Args:
        options: as asked.

    Raises:
        ModelLoadError: there is no such model.
    """

    name = "quality"
    repeats = 1  # the same every time
    method: tuple[str, ...] = METHOD
    units: Mapping[str, str] = UNITS
    better: Mapping[str, Better] = BETTER
    headings: Sequence[Mapping[str, str]] = HEADINGS

    def __init__(self, options: Options) -> None:
        self._options = options
        self._judge = Judge((), options.song_seconds, options.model)
        stems = self._judge.model.manifest.stems
        self._shelf = Shelf(tuple(options.song_folders()), options.song_seconds, stems)
        self._cases: list[Case] = []
        self.skipped: list[Skipped] = []

    @property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        return self._cases

    @contextmanager
    def prepared(self, progress: Callable[[str], None]) -> Iterator[None]:
        """See Suite."""
        songs = self._songs(progress)
        if reason := second_opinion.missing():
            self.skipped.append(Skipped("BSSEval", reason))
        progress("a daemon")
        with (
            tempfile.TemporaryDirectory(prefix="stemd-bench-") as cache,
            Daemon("", fresh(Path(cache))) as daemon,
        ):
            model, quick = self._judge.model, self._options.quick
            way = Way(daemon.address, model.manifest.name)
            points, skipped = measured_points(model, self._options.plans, way, progress, quick=quick)
            self.skipped += skipped
            passes = Passes(self._judge, way, second=not quick)
            self._cases = Cases(passes, self._shelf, songs, points, quick).all()
            yield

    def _songs(self, progress: Callable[[str], None]) -> dict[str, tuple[str, ...]]:
        """The songs that can be used, each with the stems that can be scored."""
        songs: dict[str, tuple[str, ...]] = {}
        for name in self._shelf.names:
            progress(name)
            try:
                audible = tuple(self._shelf.song(name).audible)
            except ConfigError as exc:
                self.skipped.append(Skipped(name, str(exc)))
                continue
            if audible:
                songs[name] = audible
            else:
                self.skipped.append(self._judge.silent(name))
        if not songs:
            raise ConfigError(f"{self._options.songs}: none of the songs there can be used; {self.skipped[-1].reason}")
        return songs

    def derive(self, variants: Sequence[Variant]) -> tuple[Variant, ...]:
        """See Suite."""
        return (*summaries(variants), *(_unjudged(v) if is_control(v) else v for v in variants if v.measures))

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """See Suite."""
        return conclude(variants)

    def remarks(self, variants: Sequence[Variant]) -> tuple[str, ...]:
        """See Suite."""
        if any(v.parameters.get("song") == MADE_UP for v in variants):
            return (
                f"There were no songs at {self._options.songs}: the one here is made up, and says little of music.",
            )
        return ()

    def plots(self, report: Report) -> Sequence[Plot]:
        """See Suite."""
        return plots.plots(report)


def _unjudged(control: Variant) -> Variant:
    """Of what clicks by intent no figure is progress."""
    measures = {name: msgspec.structs.replace(one, better=None) for name, one in control.measures.items()}
    return msgspec.structs.replace(control, measures=measures)
