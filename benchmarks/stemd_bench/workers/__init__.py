"""`stemd bench workers`: what workers as processes cost beside threads."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from stemd.errors import StemdError
from stemd_bench.plots import Plot
from stemd_bench.results import Better, Conclusion, Report, Variant
from stemd_bench.suite import Case, Suite
from stemd_bench.workers.plots import KINDS, plots

MODEL: Final = "spleeter-vocals"
PLANS: Final = {"live": ("realtime", 120, 20), "studio": ("free", 30, 6)}  # lane, segments, segments where it is quick
_LATE: Final = 2.0  # ms; what a live segment may take longer in a process


class Workers(Suite):
    """See Suite.

    Args:
        quick: fewer segments and repeats.
    """

    name = "workers"
    method: tuple[str, ...] = (
        f"The shipped network ({MODEL}), one thread a core. `live`: segments of its live plan in the realtime lane; "
        "`studio`: of its studio plan in the free lane, niced. Each case has a process of its own.",
        "trip: from handing a segment to the pool to its estimate. added: what it takes longer in a process; both "
        "pools run in turn, segment by segment, and the median of the differences of neighbours is taken. CPU: user + "
        "system of all processes, for a segment.",
        "Memory, after the runs: proportional set size (what processes share is counted once) of the pool's own "
        "process and of its workers, and the resident set of both, which counts it several times. taken over: from "
        "SIGKILL, sent while a segment ran, to the estimate by whoever took over, less a usual run; back: to the "
        "next worker that stands by. held up: how much later than it should a thread of the daemon wakes while "
        "segments of a free stream run and as many other programs as there are cores compute without end; the event "
        "loop is such a thread.",
    )
    units: Mapping[str, str] = {
        **dict.fromkeys(
            ("trip_p50", "trip_p99", "added_p50", "added_p99", "cpu", "held_p99", "held_max", "taken_over"), "ms"
        ),
        **dict.fromkeys(("pss", "pss_workers", "rss", "rss_workers"), "MiB"),
        "back": "s",
    }
    # Not what is added: near 0 no ratio of it says anything.
    better: Mapping[str, Better] = dict.fromkeys(
        ("trip_p50", "trip_p99", "cpu", "pss", "pss_workers", "held_p99", "taken_over", "back"), "lower"
    )
    headings: Sequence[Mapping[str, str]] = (
        {
            "trip_p50": "trip ms\np50",
            "trip_p99": "\np99",
            "added_p50": "added ms\np50",
            "added_p99": "\np99",
            "cpu": "CPU ms\na segment",
            "pss": "PSS MiB\ndaemon",
            "pss_workers": "\nworkers",
            "rss": "RSS MiB\ndaemon",
            "rss_workers": "\nworkers",
            "held_p99": "held up ms\np99",
            "held_max": "\nmost",
            "taken_over": "taken over\nms",
            "back": "back\ns",
        },
    )

    def __init__(self, *, quick: bool) -> None:
        self.repeats = 2 if quick else 5
        self._quick = quick

    @property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        cases = []
        for plan, (lane, many, few) in PLANS.items():
            task: dict[str, str | int] = {"plan": plan, "lane": lane, "segments": few if self._quick else many}
            for kind in (*KINDS, "both"):
                name = f"{plan}, {kind} in turn" if kind == "both" else f"{plan}, {kind}"
                cases.append(Case(name, {"plan": plan, "workers": kind}, partial(_run, {**task, "kind": kind})))
        return cases

    def plots(self, report: Report) -> Sequence[Plot]:
        """See Suite."""
        return plots(report)

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """See Suite."""
        found = {(v.parameters["plan"], v.parameters["workers"]): v.measures for v in variants}
        added = found["live", "both"]["added_p50"].median
        memory = [sum(found["live", kind][part].median for part in ("pss", "pss_workers")) for kind in KINDS]
        return (
            Conclusion(
                f"a live segment takes at most {_LATE:g} ms longer in a process",
                f"{added:.2f} ms; memory {memory[1]:.0f} MiB instead of {memory[0]:.0f}",
                met=added <= _LATE,
            ),
        )


def _run(task: Mapping[str, str | int]) -> Mapping[str, float]:
    command = [sys.executable, "-m", "stemd_bench.workers.task"]
    done = subprocess.run(command, input=msgspec.json.encode(task), capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        last = "".join(done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:])
        raise StemdError(f"a case failed (status {done.returncode}): {last}")
    return msgspec.json.decode(done.stdout, type=dict[str, float])
