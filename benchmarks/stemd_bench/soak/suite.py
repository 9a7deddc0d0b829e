"""The suite: one stream for as long as was asked, and what it looked like at the end."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from stemd_bench.live.histogram import lines
from stemd_bench.live.plots import LATE
from stemd_bench.live.setting import fresh, helper, play, task_for, write_song
from stemd_bench.live.task import STREAM, WARM_UP, Result
from stemd_bench.plots import Plot
from stemd_bench.process import Daemon
from stemd_bench.results import Better, Conclusion, Report, Skipped, Variant
from stemd_bench.soak import devices
from stemd_bench.soak.figures import BETTER, UNITS, figures
from stemd_bench.soak.options import Options
from stemd_bench.soak.plots import plots
from stemd_bench.suite import Case, Figures, Suite

GROWTH_AIM: Final = 20.0  # MiB an hour
LATE_AIM: Final = 10.0  # ms
TELLING: Final = 120.0  # seconds; in less, a few MiB that are allocated once look like a leak
_FAULTS: Final = ("degraded", "gaps", "lost", "jumps", "xruns", "underruns")


class Soak(Suite):
    """See Suite.

    Args:
        options: as asked.
    """

    name = "soak"
    repeats = 1
    method: tuple[str, ...] = (
        "A daemon process of its own, fed by another process at 44.1 kHz in blocks of 256 frames, each sent by the "
        "monotonic clock; or, through devices, by a player on a PulseAudio with null sinks, at 48 kHz. One listener of "
        "`instrumental` stays, three others come and go, each for up to 5 s, with changing stems and formats.",
        "Memory is the daemon's resident set, looked at twice a second; its start is after the first tenth, its growth "
        "a straight line through the second half. Latencies of the first two seconds are not counted.",
    )
    units: Mapping[str, str] = UNITS
    better: Mapping[str, Better] = BETTER
    headings: Sequence[Mapping[str, str]] = (
        {
            "blocks": "blocks",
            "degraded": "\ndegraded",
            "lost": "\nlost",
            "gaps": "gaps",
            "visits": "visits",
            "declared": "latency\ndeclared",
            "latency_p50": "\np50",
            "latency_p99": "\np99",
            "latency_max": "\nmax",
            "load": "load\n%",
        },
        {
            "memory_start": "MiB\nstart",
            "memory_middle": "\nmiddle",
            "memory": "\nend",
            "memory_growth": "\nper hour",
            "xruns": "devices\nxruns",
            "underruns": "\nunderruns",
            "lost_frames": "\nframes lost",
            "resyncs": "\nresyncs",
        },
    )

    def __init__(self, options: Options) -> None:
        self.options = options
        self.skipped: list[Skipped] = []

    @property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        o = self.options
        name = f"{o.plan}, {o.seconds:.0f} s{' through devices' if o.devices else ''}"
        return [Case(name, {"plan": o.plan, "seconds": o.seconds, "devices": int(o.devices)}, partial(self._run, name))]

    def _run(self, name: str) -> Figures:
        options = self.options
        if options.devices and (reason := devices.obstacle()):
            self.skipped.append(Skipped(name, reason))
            return {}
        with tempfile.TemporaryDirectory(prefix="stemd-bench-") as folder:
            result, visits = _through_devices(options) if options.devices else _fed(options, Path(folder))
        if result.refusal:
            self.skipped.append(Skipped(name, result.refusal))
            return {}
        return figures(result, visits, options.seconds, WARM_UP)

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """See Suite."""
        aims = ("nothing degraded, lost or missing", "latency p99 near the declared", "memory does not grow")
        measures = variants[0].measures
        if not measures:
            return tuple(Conclusion(aim, "it did not run", met=None) for aim in aims)
        if "late_p99" not in measures:
            return tuple(Conclusion(aim, "nothing came", met=False if aim == aims[0] else None) for aim in aims)
        found = {fault: measures[fault].high for fault in _FAULTS if fault in measures}
        late = measures["late_p99"].median
        growth = measures.get("memory_growth") if self.options.seconds >= TELLING else None
        return (
            Conclusion(
                aims[0],
                ", ".join(f"{count:.0f} {fault}" for fault, count in found.items()),
                met=not any(found.values()),
            ),
            Conclusion(aims[1], f"{late:.1f} ms after it; {LATE_AIM:g} are allowed", met=late <= LATE_AIM),
            Conclusion(
                aims[2],
                f"{growth.median:.1f} MiB an hour; {GROWTH_AIM:g} are allowed"
                if growth
                else f"it took less than {TELLING:.0f} s, which is too short to tell",
                met=growth.median <= GROWTH_AIM if growth else None,
            ),
        )

    def remarks(self, variants: Sequence[Variant]) -> tuple[str, ...]:
        """See Suite."""
        late = variants[0].distributions.get(LATE)
        return ("", "how many blocks arrived so long after the declared latency", *lines(late)) if late else ()

    def plots(self, report: Report) -> Sequence[Plot]:
        """See Suite."""
        return plots(report)


def _fed(options: Options, folder: Path) -> tuple[Result, int]:
    song = write_song(folder, 44_100)
    with Daemon("", fresh(folder)) as daemon, _visitors(daemon) as visits:
        result = play(task_for(daemon, song=str(song), plan=options.plan, seconds=options.seconds))
    return result, _count(visits)


def _through_devices(options: Options) -> tuple[Result, int]:
    config = devices.CONFIG.format(stream=STREAM, plan=options.plan)
    with devices.sound_system() as server:
        environment = {**server.env, "XDG_CACHE_HOME": str(server.folder / "cache")}
        with Daemon(config, environment) as daemon:
            devices.play(server, options.seconds)
            with _visitors(daemon) as visits:
                result = play(task_for(daemon, rate=devices.RATE, seconds=options.seconds))
    return result, _count(visits)


@contextmanager
def _visitors(daemon: Daemon) -> Iterator[list[str]]:
    with helper("stemd_bench.soak.visitors", daemon.address, STREAM) as said:
        yield said


def _count(said: Sequence[str]) -> int:
    return int(said[-1]) if said else 0
