"""`stemd bench quality --curve`: SDR against hop and lookahead, for segments as the plan `live` has them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from stemd.dsp.plan import WindowPlan
from stemd.errors import ConfigError
from stemd_bench.plots import Plot
from stemd_bench.quality.curve_plot import plots
from stemd_bench.quality.judge import STUDIO, Judge, on_a_grid
from stemd_bench.quality.options import Options
from stemd_bench.results import Conclusion, Parameter, Report, Skipped, Variant
from stemd_bench.suite import Case, Suite

LINES: Final = ((1_024, 0), (2_048, 0), (2_048, 1_024), (4_096, 0))  # hop, overlap
LOOKAHEADS: Final = range(3_072, 9_216 + 1, 1_024)
_LENGTHS: Final = ("hop", "overlap", "lookahead")


class Curve(Suite):
    """See Suite.

    Args:
        options: as asked; of these, model, songs and quickness count.

    Raises:
        ConfigError: there are no songs, or none with a stem to be heard, or the model is none of kind `mask`.
    """

    name = "curve"
    repeats = 1
    method: tuple[str, ...] = (
        "SDR of the vocals over a whole song, offline, mean over the songs; segments as the model's plan "
        "`live` has them. latency: hop + overlap + lookahead, to which a stream adds a block, computing, margin "
        "and resamplers.",
    )

    def __init__(self, options: Options) -> None:
        folders = options.song_folders()
        if not folders:
            raise ConfigError(f"{options.songs}: no folder with songs and true stems there; name one with --songs")
        self._judge, self._quick = Judge(folders, options.song_seconds, options.model), options.quick
        self._songs = options.songs
        self.skipped: list[Skipped] = []
        on_a_grid(self._judge)
        self.units: Mapping[str, str] = {"window": "ms", **self._judge.units()}
        self.headings: Sequence[Mapping[str, str]] = ({"window": "latency", **self._judge.headings()},)

    @contextmanager
    def prepared(self, progress: Callable[[str], None]) -> Iterator[None]:
        """See Suite."""
        self.skipped += self._judge.skipped
        if not self._judge.songs:
            raise ConfigError(f"{self._songs}: no song there has a stem to be heard in what is scored; name others")
        progress(STUDIO)
        _ = self._judge.studio
        yield

    @property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        live = self._judge.model.manifest.live.window()
        pairs, lookaheads = (LINES[1:], LOOKAHEADS[::3]) if self._quick else (LINES, LOOKAHEADS)
        # With a crossfade the lookahead may be a step shorter: both come to the same latencies.
        plans = [
            replace(live, hop=hop, overlap=overlap, lookahead=lookahead - overlap)
            for hop, overlap in pairs
            for lookahead in lookaheads
        ]
        return [Case(_title(plan), self._parameters(plan), partial(self._run, plan)) for plan in plans]

    def _parameters(self, plan: WindowPlan) -> dict[str, Parameter]:
        manifest = self._judge.model.manifest
        named = next((name for name, row in manifest.plans.items() if row.window() == plan), "")
        return {length: getattr(plan, length) for length in _LENGTHS} | {"rate": manifest.sample_rate, "plan": named}

    def _run(self, plan: WindowPlan) -> Mapping[str, float]:
        milliseconds = 1e3 * plan.latency / self._judge.model.manifest.sample_rate
        return {"window": milliseconds, **self._judge.figures(plan)}

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:  # noqa: ARG002 - no aims
        """See Suite."""
        return ()

    def plots(self, report: Report) -> Sequence[Plot]:
        """See Suite."""
        return plots(report)


def _title(plan: WindowPlan) -> str:
    return ", ".join(f"{length} {getattr(plan, length)}" for length in _LENGTHS)
