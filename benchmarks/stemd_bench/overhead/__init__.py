"""`stemd bench overhead`: what the daemon costs beside the network, with a network that copies."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import msgspec

from stemd_bench.overhead.copying import config, write_model
from stemd_bench.overhead.figures import FAULTS, UNITS, figures
from stemd_bench.overhead.load import play, trips
from stemd_bench.overhead.plots import plots
from stemd_bench.overhead.task import Task
from stemd_bench.overhead.verdicts import conclude
from stemd_bench.plots import Plot
from stemd_bench.process import Daemon
from stemd_bench.results import Better, Conclusion, Report, Variant
from stemd_bench.suite import Case, Suite

_MOST_STREAMS: Final = 128  # the daemon's limit; the ladder stops before
_LADDER: Final = {44_100: (1, 10, 25, 50, 75, 100), 48_000: (1, 10, 25, 50)}
_SHORT_LADDER: Final = {44_100: (1, 10, 50), 48_000: (1,)}


class Overhead(Suite):
    """See Suite.

    Args:
        quick: fewer and shorter runs.
    """

    name = "overhead"
    method: tuple[str, ...] = (
        "Each case has a daemon process of its own whose network copies; blocks of 20 ms (stereo, float32), a segment "
        "for each; one listener a stream.",
        "added: ms from the moment at which a block was due (time base + declared latency) to its arrival at the "
        "client, of paced streams. trip: ms from sending a block of a free stream to the arrival of its stem. ping: "
        "the same for a message that only comes back.",
        "The load is made by another process: raw sockets, one thread that sends and one that receives, blocks of all "
        "streams spread evenly over the 20 ms. It shares the machine's cores with the daemon: `client` is what it "
        "used, `others` what everything else on the machine used meanwhile.",
        "Processor time is user + system. Figures are medians over the repeats, `worst` the highest; streams hold "
        "where no repeat has a block that is degraded, dropped, lost or changed, and the p99 stays under 10 ms.",
    )
    units: Mapping[str, str] = {
        **UNITS,
        **dict.fromkeys(("trip_p50", "trip_p99", "ping_p50", "ping_p99", "cpu_per_block"), "ms"),
    }
    # Not the slowest block nor the opening: single events.
    better: Mapping[str, Better] = {
        **dict.fromkeys(("added_p50", "added_p99", "trip_p50", "trip_p99", "ping_p50", "ping_p99"), "lower"),
        **dict.fromkeys(("cpu_per_stream", "cpu_per_block", *FAULTS), "lower"),
        "opened": "higher",
    }
    headings: Sequence[Mapping[str, str]] = (
        {
            "opened": "streams\nopen",
            "added_p50": "added\np50",
            "added_p99": "\np99",
            "added_p99:high": "\nworst",
            "trip_p50": "trip\np50",
            "trip_p99": "\np99",
            "ping_p50": "ping\np50",
            "cpu_per_stream": "% of a core\nper stream",
            "client_cpu": "\nclient",
            "others": "\nothers",
            "degraded:high": "worst\ndegraded",
            "dropped:high": "\ndropped",
        },
    )

    def __init__(self, *, quick: bool) -> None:
        self.repeats = 1 if quick else 4  # the fewest from which two runs can be told apart: see compare.noise
        self._ladder = _SHORT_LADDER if quick else _LADDER
        self._seconds = 2.0 if quick else 6.0
        self._blocks = 200 if quick else 1_000

    @cached_property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        paced = [
            Case(
                f"{count} paced at {rate / 1000:g} kHz",
                {"timing": "realtime", "rate": rate, "streams": count},
                self._run(kind="paced", streams=count, rate=rate, seconds=self._seconds),
            )
            for rate, counts in self._ladder.items()
            for count in counts
        ]
        free = Case(
            "1 free at 44.1 kHz",
            {"timing": "free", "rate": 44_100, "streams": 1},
            self._run(kind="pingpong", blocks=self._blocks),
        )
        return [free, *paced]

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """See Suite."""
        return conclude(variants)

    def plots(self, report: Report) -> Sequence[Plot]:
        """See Suite."""
        return plots(report)

    @staticmethod
    def _run(**task: object) -> Callable[[], Mapping[str, float]]:
        return partial(_measure, task)


def _measure(words: Mapping[str, object]) -> Mapping[str, float]:
    """Do one task against a daemon of its own."""
    with tempfile.TemporaryDirectory(prefix="stemd-bench-") as folder:
        write_model(Path(folder))
        with Daemon(config(Path(folder), _MOST_STREAMS)) as daemon:
            task = msgspec.convert({"address": daemon.address, "pid": daemon.pid, **words}, Task)
            return figures(play(task)) if task.kind == "paced" else trips(task)
