"""What the demo says at the end: what was promised, what was kept, how well it separates, where the files are."""

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.table import Table
from rich.text import Text

from stemd.audio import Float32Array
from stemd.errors import StemdError
from stemd.separation.scoring import sdr
from stemd_bench.demo.playing import Performance

START_UP: Final = 3.0  # seconds at the beginning that are not counted
ENOUGH: Final = 500  # blocks; fewer give no p99 worth the name
TOLERANCE: Final = 0.010  # seconds by which the p99 may exceed what was declared


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; times in seconds, SDRs in dB.

    Attributes:
        declared: latency.
        p50: of the latency, from the time base of a block's first frame to its arrival.
        p99: likewise.
        measured: how many blocks these are of.
        load: median of the run: compute time of a hop over its duration.
        peak_load: its largest value.
        degraded: blocks of the vocals that are not the network's.
        blocks: blocks of the vocals in all.
        mixture_sdr: of the mixture taken as the estimate of the vocals; None where nobody knows the true vocals.
        vocals_sdr: of the estimate.
    """

    declared: float
    p50: float
    p99: float
    measured: int
    load: float
    peak_load: float
    degraded: int
    blocks: int
    mixture_sdr: float | None
    vocals_sdr: float | None

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return self.degraded == 0 and self.p99 <= self.declared + TOLERANCE


def measure(show: Performance, stems: dict[str, Float32Array]) -> Figures:
    """The figures of a performance; `stems` are its samples, joined."""
    vocals, piece = show.heard["vocals"], show.piece
    late = vocals.latencies(START_UP)
    if not late.size:  # a piece this short has nothing but a start
        late = vocals.latencies(0.0)
    p50, p99 = (float(value) for value in np.percentile(late, [50, 99]))
    loads = show.loads or [0.0]
    scores: tuple[float, float] | tuple[None, None] = (None, None)
    if piece.vocals is not None:
        scores = (sdr(piece.vocals, piece.mixture), sdr(piece.vocals, stems["vocals"]))
    return Figures(
        *(show.declared, p50, p99, late.size),
        *(float(np.median(loads)), max(loads), vocals.degraded(), len(vocals.blocks)),
        *scores,
    )


def check_laws(show: Performance, stems: dict[str, Float32Array]) -> None:
    """Two laws that hold at every load: the mixture comes back untouched, and the stems sum to it.

    Raises:
        StemdError: one of them does not.
    """
    mix = show.piece.mixture
    if not np.array_equal(stems["mix"], mix):
        raise StemdError("the mixture came back changed: this is a fault of stemd, please report it")
    vocals = stems["vocals"].astype(np.float64)
    error = np.abs(vocals + stems["instrumental"] - mix)
    if np.any(error > 2.0**-23 * np.maximum(np.abs(vocals), np.abs(mix))):
        raise StemdError("vocals and instrumental do not sum to the mixture: a fault of stemd, please report it")


def table(figures: Figures, files: dict[str, Path]) -> Table:
    """The figures in words, and where to hear what."""
    rows = Table(box=None, pad_edge=False, show_header=False)
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    for name, words in _rows(figures).items():
        rows.add_row(name, Text(words))
    rows.add_row("files", Text("\n".join(f"{path}" for path in files.values())))
    rows.add_row("hear them", Text(player(files["vocals"])))
    return rows


def _rows(figures: Figures) -> dict[str, str]:
    f = figures
    few = "" if f.measured >= ENOUGH else f"; too few for a p99, play {START_UP + ENOUGH * 0.02:.0f} s or more"
    return {
        "declared latency": f"{1000 * f.declared:.1f} ms",
        "measured latency": f"p50 {1000 * f.p50:.1f} ms, p99 {1000 * f.p99:.1f} ms "
        f"({f.measured} blocks of vocals, the first {START_UP:.0f} s left out{few})",
        "promise": _promise(f),
        "load": f"{f.load:.1%} of real time (at most {f.peak_load:.1%})",
        "degraded blocks": f"{f.degraded} of {f.blocks}",
        "SDR of vocals": _score(f),
        "sum": "vocals + instrumental = mixture in every sample, but for float32's rounding; "
        "the mixture came back bit for bit",
    }


def _promise(f: Figures) -> str:
    over = 1000 * (f.p99 - f.declared)
    where = f"p99 is {abs(over):.1f} ms {'after' if over >= 0 else 'before'} the declared latency"
    allowed = f"up to {1000 * TOLERANCE:.0f} ms after it are allowed"
    return f"{'kept' if f.kept else 'NOT KEPT'}: {where}, {allowed}; no block may be degraded"


def _score(f: Figures) -> str:
    if f.mixture_sdr is None or f.vocals_sdr is None:
        return "none: it takes the true vocals, and a file has only the mixture"
    gain = f.vocals_sdr - f.mixture_sdr
    return f"{f.vocals_sdr:.1f} dB; the mixture itself scores {f.mixture_sdr:.1f} dB ({gain:+.1f} dB)"


def player(path: Path) -> str:
    """A command that plays a file here."""
    file = shlex.quote(str(path))
    for command in ("pw-play", "paplay", "aplay", "afplay", "ffplay -nodisp -autoexit", "mpv", "vlc", "xdg-open"):
        if shutil.which(command.split()[0]):
            return f"{command} {file}"
    if sys.platform == "win32":
        return f"start {path}"
    return f"open {file} in any player (none was found here)"
