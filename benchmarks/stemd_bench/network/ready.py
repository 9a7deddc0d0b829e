"""Brings the contenders to the start: weighs each in a process of its own, then loads all into this one."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from stemd.audio import Float32Array
from stemd.errors import StemdError
from stemd_bench.network import alone
from stemd_bench.network.contenders import Contender, check, contender
from stemd_bench.network.facts import of_files, parity
from stemd_bench.network.lineup import Entry
from stemd_bench.network.names import APART, BAGS, EAGER, FAST
from stemd_bench.network.options import Options
from stemd_bench.results import Skipped

Facts = dict[str, float]
Progress = Callable[[str], None]
_WEIGHED: Final = (FAST, BAGS[FAST], APART)  # even when it has to be quick
_WITHIN: Final = 900.0  # seconds that a contender may take to load and run twice


@dataclass(frozen=True, slots=True)
class Ready:
    """A contender that has run, and how true its stems are to PyTorch's."""

    contender: Contender
    parity: Facts


def weigh(entries: Sequence[Entry], options: Options, progress: Progress) -> tuple[dict[str, Facts], list[Skipped]]:
    """Measure what each contender takes alone; what fails there is left out.

    This comes first, while this process is still small, and fills the compiler's cache.

    Raises:
        StemdError: PyTorch itself fails, against which all are measured.
    """
    facts: dict[str, Facts] = {}
    skipped: list[Skipped] = []
    for entry in entries:
        progress(f"{entry.name}, alone")
        recipe = entry.recipe
        try:
            if reason := contender(recipe).obstacle():
                raise StemdError(reason)
            limit = options.compile_within if recipe.kind == "compiled" else _WITHIN
            short = options.quick and entry.name not in _WEIGHED
            facts[entry.name] = ({} if short else alone.measure(recipe, limit)) | of_files(recipe)
        except StemdError as exc:
            _give_up(entry, exc, skipped)
    return facts, skipped


def load(entries: Sequence[Entry], segment: Float32Array, progress: Progress) -> tuple[dict[str, Ready], list[Skipped]]:
    """Load what is to be timed, and run it once.

    Args:
        entries: the first one with each number of specialists is what the others' stems are compared with.
        segment: (2, frames).
        progress: told who is loaded.

    Raises:
        StemdError: PyTorch itself fails.
    """
    ready: dict[str, Ready] = {}
    skipped: list[Skipped] = []
    references: dict[int, Float32Array] = {}
    for entry in (entry for entry in entries if entry.timed):
        progress(f"{entry.name}, loading")
        try:
            network = contender(entry.recipe)
            network.prepare()
            stems = network.run(segment)
            check(stems, entry.recipe)
        except StemdError as exc:
            _give_up(entry, exc, skipped)
            continue
        reference = references.setdefault(len(stems), stems)
        known = {} if reference is stems else parity(reference.reshape(-1, stems.shape[2]), np.concatenate(stems))
        ready[entry.name] = Ready(network, known)
        gc.collect()
    return ready, skipped


def _give_up(entry: Entry, reason: StemdError, skipped: list[Skipped]) -> None:
    if entry.name == EAGER:
        raise reason
    skipped.append(Skipped(entry.name, str(reason)))
