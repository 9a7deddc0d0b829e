"""Ten seconds through a model that is about to be installed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from stemd.audio import Float32Array
from stemd.config import Engine
from stemd.dsp.levels import decibels, rms
from stemd.errors import ModelError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.offline import Progress, separate
from stemd.separation.store import Model
from stemd.store.errors import StoreError
from stemd.store.song import bars

SECONDS: Final = 10.0
_SILENT_DB: Final = -100.0  # networks that find nothing still leak more than this
_LOUD_DB: Final = 20.0  # over the mixture; no estimate of a part of it is


@dataclass(frozen=True, slots=True)
class Report:
    """What came out: the level of each stem in dBFS rms, and seconds of work for a second of sound."""

    levels: dict[str, float]
    ratio: float

    def __str__(self) -> str:
        """One line."""
        levels = ", ".join(f"{stem} {level:.0f} dB" for stem, level in self.levels.items())
        return f"self-test: {levels}; {self.ratio:.2f} s of work for 1 s of sound"


def self_test(model: Model, progress: Callable[[int, int], None]) -> Report:
    """Separate a short song with each specialist in turn, so that only one at a time is in memory.

    Args:
        model: as it lies on the disk, installed or not.
        progress: called with segments done and segments in all.

    Raises:
        StoreError: a network cannot be loaded, fails, or gives what no network should.
    """
    manifest = model.manifest
    mixture = bars(round(SECONDS * manifest.sample_rate), manifest.sample_rate)
    levels: dict[str, float] = {}
    begin = time.perf_counter()
    for number, entry in enumerate(manifest.specialists):
        alone = Model(model.folder, msgspec.structs.replace(manifest, specialists=(entry,)))

        def so_far(done: int, each: int, before: int = number) -> None:
            progress(before * each + done, each * len(manifest.specialists))

        try:
            stems = _separated(alone, mixture, so_far)
        except ModelError as exc:
            raise StoreError(f"self-test of {entry.file} failed: {exc}") from exc
        levels |= {stem: _level(stem, samples, mixture) for stem, samples in stems.items()}
    return Report(levels, (time.perf_counter() - begin) / SECONDS)


def _separated(model: Model, mixture: Float32Array, progress: Progress) -> dict[str, Float32Array]:
    rate = model.manifest.sample_rate
    networks = model.open(replace(EngineOptions.configured(Engine()), spin=True, share=False))
    plan = model.manifest.studio.window()
    return separate(mixture, rate, networks, plan, rate, spectral=model.spectral, progress=progress)


def _level(stem: str, samples: Float32Array, mixture: Float32Array) -> float:
    """The stem's level, dBFS rms, if it can be an estimate of a part of the mixture."""
    finite = np.isfinite(samples)
    if not finite.all():
        raise StoreError(f"self-test failed: {stem} has {finite.size - finite.sum()} samples that are no numbers")
    level, loudest = decibels(rms(samples)), decibels(rms(mixture)) + _LOUD_DB
    if level < _SILENT_DB:
        raise StoreError(f"self-test failed: {stem} is silent; the graph, or the row chosen of it, is the wrong one")
    if level > loudest:
        raise StoreError(f"self-test failed: {stem} is {level - loudest + _LOUD_DB:.0f} dB louder than the mixture")
    return level
