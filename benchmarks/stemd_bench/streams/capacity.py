"""How many streams a daemon takes in, and how many of these it serves as it promised."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from stemd.errors import StemdError
from stemd.protocol import Plan
from stemd_bench.live import beside
from stemd_bench.live.setting import fresh, helper
from stemd_bench.overhead.figures import faults, figures, lateness
from stemd_bench.overhead.load import play
from stemd_bench.overhead.task import ON_TIME, Result, Served, Task
from stemd_bench.overhead.wire import Wire
from stemd_bench.process import Daemon
from stemd_bench.streams import fairness
from stemd_bench.streams.networks import STEMS, Network

UNITS: Final = {
    "admitted": "streams",
    "held": "streams",
    "broke": "streams",
    "declared": "ms",
    "load_per_stream": "%",
    "memory": "MiB",
    "memory_per_stream": "MiB",
}
_BEGINS_WITHIN: Final = 30.0  # seconds
_HOPS: Final = 2  # of the longest, that are measured at least
ALONE, TOGETHER = "as many as are admitted", "all at once"
FREE, BUSY = "beside a free stream", "beside other programs"


def most(admitted: int, holds: Callable[[int], bool], tries: int) -> tuple[int, int | None]:
    """How many hold: the most that did, and the fewest that did not, if any.

    All are tried first, then the middle between the two, until there is nothing between or no try is left.

    Args:
        admitted: the most that can be.
        holds: whether so many do; 0 is never asked.
        tries: how often `holds` may be asked.
    """
    held, broke, count = 0, None, admitted
    for _ in range(tries):
        if count <= held:
            break
        if holds(count):
            held = count
        else:
            broke = count
        count = (held + (broke or held)) // 2
    return held, broke


def is_held(result: Result, streams: int) -> bool:
    """Whether so many were served as promised: each block whole and in time."""
    late = lateness([ms for stream in result.streams for ms in stream.late])
    return len(result.streams) == streams and not any(faults(result).values()) and late.get("added_p99", 99) < ON_TIME


class Stage:
    """`with stage(...) as stage`: a daemon with one network, and streams of one plan, all alike."""

    def __init__(self, daemon: Daemon, network: Network, plan: Plan | str, seconds: float) -> None:
        self._daemon, self._network, self._plan, self._seconds = daemon, network, plan, seconds

    def play(self, streams: int, company: str = ALONE) -> Result:
        """Open as many as are admitted, at most `streams`, and play all, in company."""
        task = Task(
            address=self._daemon.address,
            pid=self._daemon.pid,
            streams=streams,
            plan=self._plan,
            offered=STEMS[:1],
            stems=STEMS[:1],
            copies=self._network.copies,
            seconds=self._seconds,
            warm_up=min(1.0, self._seconds / 2),
            hops=_HOPS,
            spread=company != TOGETHER,
        )
        return play(task, self._beside(company))

    @contextmanager
    def _beside(self, company: str) -> Iterator[None]:
        """Inside, the streams are not alone on the machine."""
        with ExitStack() as stack:
            if company == FREE:
                stack.enter_context(helper("stemd_bench.live.beside", self._daemon.address, self._network.name))
                self._wait_for(beside.STREAM)
            elif company == BUSY:
                for _ in range(os.cpu_count() or 1):
                    stack.enter_context(helper("stemd_bench.streams.busy"))
            yield

    def _wait_for(self, stream: str) -> None:
        """Until the stream gives something."""
        deadline = time.monotonic() + _BEGINS_WITHIN
        with Wire(self._daemon.address) as wire:
            while not any(one["stream"] == stream and one["given"] for one in wire.state()["streams"]):
                if time.monotonic() > deadline:
                    raise StemdError(f"the stream {stream!r} gave nothing within {_BEGINS_WITHIN:.0f} s")
                time.sleep(0.05)


@contextmanager
def stage(network: Network, plan: str, seconds: float) -> Iterator[Stage]:
    """A daemon of its own, that remembers nothing."""
    with tempfile.TemporaryDirectory(prefix="stemd-bench-") as cache, Daemon(network.config, fresh(Path(cache))) as it:
        yield Stage(it, network, network.plans[plan], seconds)


def capacity(on: Stage, streams: int, tries: int) -> tuple[dict[str, float], Result]:
    """Figures of the plays, and the one with all that were admitted.

    Cost and lateness are those of the most streams that held, or of the fewest that were tried where none did.
    """
    first = on.play(streams)
    admitted = len(first.streams)
    plays = {admitted: first}

    def holds(count: int) -> bool:
        if count not in plays:
            plays[count] = on.play(count)
        return is_held(plays[count], count)

    held, broke = most(admitted, holds, tries)
    found: dict[str, float] = {"admitted": admitted, "held": held}
    if broke is not None:
        found["broke"] = broke
    if not admitted:
        return found, first
    shown = plays[held or min(plays)]
    count = max(len(shown.streams), 1)
    found |= {name: value for name, value in figures(shown).items() if name not in ("opened", "opening")}
    found |= fairness.of_all(first.streams)
    return {
        **found,
        "declared": 1e3 * first.declared,
        "load_per_stream": found["load"] / count,
        "memory": first.memory,
        "memory_per_stream": (first.memory - first.memory_before) / admitted,
    }, first


def in_company(on: Stage, streams: int, company: str) -> tuple[dict[str, float], Sequence[Served]]:
    """As many as are admitted, beside others who want the processor, too."""
    result = on.play(streams, company)
    if not result.streams:
        return {}, ()
    found = {name: value for name, value in figures(result).items() if name != "opening"}
    return {**found, **fairness.of_all(result.streams), "memory": result.memory}, result.streams
