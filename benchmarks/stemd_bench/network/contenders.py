"""The contenders: each loads its specialists and gives their stems of one segment."""

from pathlib import Path
from typing import Final, Protocol

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.errors import StemdError
from stemd.separation.engines import engine_named
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.hybrid import HybridSpecialist
from stemd.separation.manifest import SpecialistEntry
from stemd.separation.specialist import Specialist, WaveformSpecialist
from stemd_bench.network.recipe import CHANNELS, Recipe

_NO_DIGEST: Final = "0" * 64


class Contender(Protocol):
    """Specialists behind one way of running them."""

    def obstacle(self) -> str | None:
        """Why it cannot be used here, and what to do about it; loads the libraries, but no network."""
        ...

    def prepare(self) -> None:
        """Load the networks.

        Raises:
            StemdError: they cannot be loaded.
        """
        ...

    def run(self, mixture: Float32Array) -> Float32Array:
        """The stems (specialists, 2, frames) of a segment (2, frames)."""
        ...


class Graphs:
    """ONNX graphs as the daemon runs them: its engines, its specialists, its transforms."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._engine = engine_named(recipe.engine)
        self._specialists: list[Specialist] = []

    def obstacle(self) -> str | None:
        """See Contender."""
        return self._engine.obstacle()

    def prepare(self) -> None:
        """See Contender."""
        recipe = self.recipe
        options = EngineOptions(name=recipe.engine, threads=recipe.threads, spin=True, share=recipe.share)
        specialist = HybridSpecialist if recipe.kind == "hybrid" else WaveformSpecialist
        for file, row in zip(recipe.files, recipe.rows, strict=True):
            entry = SpecialistEntry(
                stems=("stem",), file=Path(file).name, sha256=_NO_DIGEST, rows=(row,), outputs=recipe.outputs
            )
            self._specialists.append(specialist(entry, self._engine.load(Path(file), options)))

    def run(self, mixture: Float32Array) -> Float32Array:
        """See Contender."""
        segment = Segment(Span(0, 0, slice(0, self.recipe.frames)), mixture, None)
        return np.concatenate([specialist.run(segment) for specialist in self._specialists])


def contender(recipe: Recipe) -> Contender:
    """What runs this recipe."""
    # PyTorch takes seconds to import and hundreds of MB, which graphs alone do not need.
    if recipe.kind in ("eager", "compiled"):
        from stemd_bench.network.pytorch import Compiled, Eager  # noqa: PLC0415

        return Eager(recipe) if recipe.kind == "eager" else Compiled(recipe)
    return Graphs(recipe)


def check(found: Float32Array, recipe: Recipe) -> None:
    """Refuse what is no stem of a segment.

    Raises:
        StemdError: it has another shape, or numbers that are none.
    """
    due = (len(recipe.files), CHANNELS, recipe.frames)
    if found.shape != due:
        raise StemdError(f"it gave shape {found.shape} where {due} was due")
    if not np.isfinite(found).all():
        raise StemdError("it gave numbers that are none")
