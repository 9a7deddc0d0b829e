"""The load at which the first block degrades: a stream is promised a latency at one load, which then rises."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from stemd.service.admission import HEADROOM
from stemd_bench.latency import dial
from stemd_bench.latency.blocks import Blocks, compute, separated, stage
from stemd_bench.latency.measuring import Heard, play
from stemd_bench.latency.task import Task
from stemd_bench.live.setting import fresh
from stemd_bench.overhead.plan import MODEL_RATE, STEM
from stemd_bench.process import Daemon
from stemd_bench.results import Float64Array

REFUSED: Final = 1 / HEADROOM
"""The load beyond which no stream is admitted."""
_FIRST, _LAST = 0.2, 1.5  # loads
_BLOCK: Final = dial.HOP // 10  # frames


@dataclass(frozen=True, slots=True)
class Step:
    """A while at one load.

    Attributes:
        asked: load that the input was made loud enough for.
        load: compute time of a hop over its duration, as it was: the median of the segments that were in time.
        spare: ms between the moment at which a block could leave and that at which it left: the least, and the median.
        blocks: heard, up to the first that was degraded.
        degraded: whether one was.
    """

    asked: float
    load: float
    spare: tuple[float, float]
    blocks: int
    degraded: bool


@dataclass(frozen=True, slots=True)
class Climb:
    """All steps up to the first with a degraded block, or to the last of all.

    Attributes:
        steps: in order.
        declared: latency, in ms.
        refusal: why the stream was not opened; empty where it was.
    """

    steps: Sequence[Step]
    declared: float = 0.0
    refusal: str = ""

    @property
    def clean(self) -> float | None:
        """The load of the last step without a degraded block; None: there was none."""
        clean = [step.load for step in self.steps if not step.degraded]
        return clean[-1] if clean else None

    @property
    def degrading(self) -> float | None:
        """The load of the step in which the first block was degraded; None: none was."""
        return next((step.load for step in self.steps if step.degraded), None)


def levels(step: float) -> Float64Array:
    """The loads of the steps, `step` apart."""
    return np.arange(_FIRST, _LAST + step / 2, step)


def climb(promised: float, folder: Path, step: float, seconds: float) -> Climb:
    """Open a stream at a load, and raise that until a block is degraded.

    Args:
        promised: the load as the daemon measures it when the stream is opened.
        folder: an empty one.
        step: of the load.
        seconds: how long each is held.

    Raises:
        StemdError: daemon or client failed.
    """
    loads, name = levels(step), "dial"
    loudness = dial.quiet()
    dial.write(folder / "models", name, promised, loudness)
    frames = round(seconds * MODEL_RATE / _BLOCK) * _BLOCK
    song = folder / "levels.npy"
    np.save(song, np.repeat((loads * loudness / promised).astype(np.float32), frames)[:, np.newaxis].repeat(2, axis=1))
    config = f"[models]\ndefault = '{name}'\nfolders = ['{folder / 'models'}']\n"
    with tempfile.TemporaryDirectory(prefix="stemd-bench-") as place, Daemon(config, fresh(folder)) as daemon:
        heard = play(
            Task(
                address=daemon.address,
                pid=daemon.pid,
                song=str(song),
                heard=str(Path(place) / "heard.npy"),
                stem=STEM,
                rate=MODEL_RATE,
                block=_BLOCK,
                plan="live",
                seconds=len(loads) * frames / MODEL_RATE,
                warm_up=0.0,
                until_degraded=True,
            )
        )
    if heard.result.refusal:
        return Climb((), refusal=heard.result.refusal)
    return Climb(steps(heard, loads, frames), float(heard.blocks["declared"].max()) / 1e6)


def steps(heard: Heard, loads: Sequence[float] | Float64Array, frames: int) -> tuple[Step, ...]:
    """What was heard, by step; the first block that was degraded ends it.

    Args:
        heard: see there.
        loads: asked for.
        frames: of each step.
    """
    blocks, degraded = heard.blocks, np.flatnonzero(heard.blocks["degraded"])
    if degraded.size:
        blocks = blocks[: degraded[0] + 1]
    found: list[Step] = []
    for index, asked in enumerate(loads):
        here = blocks[blocks["position"] // frames == index]
        if here.size:
            found.append(_step(float(asked), here, found))
    return tuple(found)


def _step(asked: float, here: Blocks, before: Sequence[Step]) -> Step:
    whole = separated(here)
    if whole.size:
        load = float(np.median(compute(whole))) / (1e3 * dial.HOP / MODEL_RATE)
        spare = stage(whole, "pacing")
        least, middle = float(spare.min()), float(np.median(spare))
    else:  # nothing was in time, so nothing was measured: as much more as was asked for
        load = asked * (before[-1].load / before[-1].asked if before else 1.0)
        least = middle = 0.0
    return Step(asked, load, (least, middle), len(here), bool(here["degraded"].any()))
