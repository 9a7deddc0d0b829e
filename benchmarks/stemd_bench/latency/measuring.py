"""One case: a daemon of its own, a client's process, and what that heard."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from stemd_bench.latency.blocks import BLOCK, Blocks
from stemd_bench.latency.cases import COPY, DEMUCS, FRAMES, NARROW, RATE, Setting
from stemd_bench.latency.entry import guarded
from stemd_bench.latency.task import Result, Task
from stemd_bench.live import beside
from stemd_bench.live.setting import done_by, fresh
from stemd_bench.overhead import copying
from stemd_bench.overhead.plan import STEM
from stemd_bench.process import Daemon

WARM_UP: Final = 2.0  # seconds, in which time bases settle
_STEMS: Final = {COPY: STEM, DEMUCS: beside.STEM, NARROW: beside.STEM}


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What came of a case: the client's account, and the blocks that were to be measured, by position."""

    result: Result
    blocks: Blocks


def measure(setting: Setting, folder: Path, song: Path, seconds: float) -> Heard:
    """Run a case once.

    Args:
        setting: the case.
        folder: with models in `models/NETWORK`; also keeps, from one case to the next, which hop plan `auto` chose.
        song: see Task.
        seconds: see Task.

    Raises:
        StemdError: daemon or client failed.
    """
    with tempfile.TemporaryDirectory(prefix="stemd-bench-") as name:
        place, key = Path(name), ""
        config = _config(setting.network, folder / "models" / setting.network)
        if setting.keys:
            security, file = guarded(place)
            config, key = config + security, str(file)
        with Daemon(config, fresh(folder), setting.transport) as daemon:
            task = Task(
                address=daemon.address,
                pid=daemon.pid,
                key=key,
                song=str(song),
                heard=str(place / "heard.npy"),
                stem=_STEMS.get(setting.network, "instrumental"),
                streams=setting.streams,
                rate=RATE,
                block=FRAMES,
                plan=setting.plan,
                seconds=seconds,
                warm_up=WARM_UP,
            )
            return play(task)


def play(task: Task) -> Heard:
    """Do a task in a process of its own; no blocks where it was refused.

    Raises:
        StemdError: the process failed.
    """
    result = done_by("stemd_bench.latency.client", task, Result)
    if result.refusal:
        return Heard(result, np.empty(0, BLOCK))
    blocks = np.load(task.heard)
    second = blocks["position"] / task.rate
    return Heard(result, blocks[(second >= task.warm_up) & (second < task.warm_up + task.seconds)])


def _config(network: str, models: Path) -> str:
    if network == COPY:
        return copying.config(models, streams=64)
    if network in (DEMUCS, NARROW):
        return f"[models]\ndefault = '{beside.MODEL}'\nfolders = ['{models}']\n"
    return ""
