"""`stemd bench live --curve`: SDR against hop and lookahead, for segments as the plan `live` has them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from stemd.dsp.plan import WindowPlan
from stemd.errors import ConfigError
from stemd_bench.live.options import Options
from stemd_bench.live.quality import STUDIO, Judge
from stemd_bench.results import Conclusion, Report, Variant
from stemd_bench.suite import Case, Suite

LINES: Final = ((1_024, 0), (2_048, 0), (2_048, 1_024), (4_096, 0))  # hop, overlap
LOOKAHEADS: Final = range(3_072, 9_216 + 1, 1_024)
_COLOURS: Final = ("#b0562c", "#3b6ea5", "#7a4b9a", "#4b7f52")
_LENGTHS: Final = ("hop", "overlap", "lookahead")
_NAMED: Final = {"fast": "s", "live": "o"}


class Curve(Suite):
    """See Suite.

    Args:
        options: as asked; of these, songs and quickness count.
        picture: where it goes, as SVG.

    Raises:
        ConfigError: there are no songs.
    """

    name = "curve"
    repeats = 1
    method: tuple[str, ...] = (
        "SDR of the vocals over a whole song, offline, mean over the songs; segments as the shipped model's plan "
        "`live` has them. latency: hop + overlap + lookahead, to which a stream adds a block, computing, margin "
        "and resamplers.",
    )

    def __init__(self, options: Options, picture: Path) -> None:
        folders = options.song_folders()
        if not folders:
            raise ConfigError(f"{options.songs}: no folder with songs and true stems there; name one with --songs")
        self._judge, self._picture, self._quick = Judge(folders, options.song_seconds), picture, options.quick
        self.units: Mapping[str, str] = {"window": "ms", **self._judge.units()}
        self.headings: Sequence[Mapping[str, str]] = ({"window": "latency", **self._judge.headings()},)

    @contextmanager
    def prepared(self, progress: Callable[[str], None]) -> Iterator[None]:
        """See Suite."""
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
        return [
            Case(_title(p), {length: getattr(p, length) for length in _LENGTHS}, partial(self._run, p)) for p in plans
        ]

    def _run(self, plan: WindowPlan) -> Mapping[str, float]:
        milliseconds = 1e3 * plan.latency / self._judge.model.manifest.sample_rate
        return {"window": milliseconds, **self._judge.figures(plan)}

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:  # noqa: ARG002 - no aims
        """See Suite."""
        return ()

    def draw(self, report: Report) -> None:
        """See Suite."""
        from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - takes a second
        from matplotlib.figure import Figure  # noqa: PLC0415

        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        rate = self._judge.model.manifest.sample_rate
        for line, colour in zip(LINES, _COLOURS, strict=True):
            points = [v for v in report.variants if (v.parameters["hop"], v.parameters["overlap"]) == line]
            _line(axes, points, line, rate, colour)
        self._mark_plans(axes, report)
        axes.axhline(0.0, color="#606060", linewidth=1.0, linestyle="--", label="studio")
        axes.set_xlabel("hop + overlap + lookahead (ms)")
        axes.set_ylabel("SDR of vocals against plan studio (dB)")
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=9)
        figure.savefig(self._picture, metadata={"Date": None})

    def _mark_plans(self, axes: Any, report: Report) -> None:
        for name, marker in _NAMED.items():
            row = self._judge.model.manifest.plans.get(name)
            for v in report.variants:
                if row and all(v.parameters[length] == getattr(row, length) for length in _LENGTHS):
                    point = v.measures["window"].median, -v.measures["loss"].median
                    axes.plot(*point, marker, color="black", markersize=9, fillstyle="none", label=f"plan {name}")


def _line(axes: Any, variants: Sequence[Variant], line: tuple[int, int], rate: int, colour: str) -> None:
    hop, overlap = line
    label = f"hop {hop} ({1e3 * hop / rate:.0f} ms){f', crossfaded over {overlap}' if overlap else ''}"
    if variants:
        x = [v.measures["window"].median for v in variants]
        y = [-v.measures["loss"].median for v in variants]
        axes.plot(x, y, ".-", color=colour, label=label)


def _title(plan: WindowPlan) -> str:
    return ", ".join(f"{length} {getattr(plan, length)}" for length in _LENGTHS)
