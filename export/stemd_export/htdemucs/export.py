"""HT-Demucs, from a bag of checkpoints to a model that stemd can load: nothing is written unless parity holds."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import onnx
import torch

from stemd.config import Engine as EngineTable
from stemd.errors import nearest
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.manifest import MANIFEST_NAME, SpecialistEntry
from stemd.separation.manifest_text import to_toml
from stemd.separation.store import Model
from stemd.store.errors import disk_faults
from stemd.store.folder import Store
from stemd_export.errors import ExportError
from stemd_export.htdemucs import facts
from stemd_export.htdemucs.bag import Expert, load
from stemd_export.htdemucs.build import hybrid_graph
from stemd_export.htdemucs.facts import Flavour
from stemd_export.htdemucs.parity import Row, compare
from stemd_export.htdemucs.portable import portable_graph
from stemd_export.htdemucs.weights import read

REPORT_NAME: Final = "parity.json"
# Steps done, steps in all, what is being done.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """A model that was written, and the parity of each of its stems."""

    folder: Path
    rows: tuple[Row, ...]


def export_htdemucs(
    name: str, out: Path, flavour: Flavour, *, repo: Path | None, stems: Sequence[str] = (), progress: Progress
) -> Exported:
    """Write `<out>/<name of the flavour>/` with a graph for each network, manifest, licence and parity report.

    Args:
        name: of the bag, as demucs knows it.
        out: the folder of models.
        flavour: of the graphs.
        repo: a local folder in demucs' layout; None: demucs' hub repository.
        stems: only these; all if empty.
        progress: called before each step.

    Raises:
        ExportError: the bag cannot be had or expressed, a stem is not in it, or parity does not hold.
        StoreError: the model cannot be written.
    """
    progress(0, 1, f"loading {name}")
    _, experts = load(name, repo)
    experts = chosen(name, experts, stems)
    model, store = flavour.model_name(name), Store(out)
    with store.locked(model), disk_faults(out), _staging(store, model) as staging:
        rows: list[Row] = []
        entries: list[SpecialistEntry] = []
        for i, expert in enumerate(experts):
            file = f"{expert.stems[0] if len(expert.stems) == 1 else name}.onnx"
            what = ", ".join(expert.stems)
            progress(2 * i, 2 * len(experts), f"{what}: building the graph")
            entries.append(_write_graph(staging / file, expert, flavour))
            progress(2 * i + 1, 2 * len(experts), f"{what}: comparing with PyTorch")
            rows += _checked(staging, model, flavour, expert, entries[-1])
        progress(2 * len(experts), 2 * len(experts), "writing")
        _write_papers(staging, model, flavour, entries, rows, experts[0])
        return Exported(store.install(model, staging), tuple(rows))


@contextmanager
def _staging(store: Store, model: str) -> Iterator[Path]:
    """A hidden folder beside the models, gone afterwards whatever happens."""
    staging = store.half_imported(model)
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def chosen(name: str, experts: Sequence[Expert], stems: Sequence[str]) -> list[Expert]:
    """The experts for the stems asked for, each reduced to them.

    Raises:
        ExportError: no network of the bag gives a stem.
    """
    known = [stem for expert in experts for stem in expert.stems]
    for stem in stems:
        if stem not in known:
            raise ExportError(f"{name!r} has no stem {stem!r}{nearest(stem, known)}; it has {', '.join(known)}")
    if not stems:
        return list(experts)
    kept = [
        replace(expert, wanted=tuple(i for i in expert.wanted if expert.model.sources[i] in stems))
        for expert in experts
    ]
    return [expert for expert in kept if expert.wanted]


def _write_graph(file: Path, expert: Expert, flavour: Flavour) -> SpecialistEntry:
    net = read(expert.model, expert.frames)
    doc = f"HT-Demucs, {', '.join(expert.stems)}. See LICENSE beside this file."
    try:
        if flavour.portable:
            graph = portable_graph(net, expert.wanted, storage=flavour.storage, doc=doc)
        else:
            graph = hybrid_graph(net, expert.wanted, storage=flavour.storage, attention=flavour.attention, doc=doc)
    except onnx.checker.ValidationError as exc:
        raise ExportError(f"the graph is not valid ONNX ({exc}); this is a fault of stemd: please report it") from exc
    file.write_bytes(graph)
    return SpecialistEntry(stems=expert.stems, file=file.name, sha256=hashlib.sha256(graph).hexdigest())


def _checked(staging: Path, model: str, flavour: Flavour, expert: Expert, entry: SpecialistEntry) -> list[Row]:
    """The parity of one graph, loaded as the daemon loads it.

    Raises:
        ExportError: it is not within the flavour's bound.
    """
    blank = Row(entry.stems[0], entry.file, 0, 0, 0, 0, 0, 0, 0)
    manifest = facts.manifest(model, flavour, [entry], [blank], expert.frames, expert.model.samplerate)
    threads = EngineTable().thread_count()
    torch.set_num_threads(threads)
    started = time.perf_counter()
    (specialist,) = Model(staging, manifest).open(EngineOptions(threads=threads, spin=True, share=False))
    rows = compare(expert, staging / entry.file, specialist, time.perf_counter() - started)
    bound = flavour.bound
    for row in rows:
        if not bound.holds(row):
            raise ExportError(
                f"parity does not hold for {row.stem}: {row.snr_db:.1f} dB, {row.max_abs_diff:.1e} of the peak; "
                f"asked for are {bound.snr_db:g} dB and {bound.of_peak:g}. Nothing was written"
            )
    return rows


def _write_papers(
    staging: Path,
    model: str,
    flavour: Flavour,
    entries: Sequence[SpecialistEntry],
    rows: Sequence[Row],
    expert: Expert,
) -> None:
    manifest = facts.manifest(model, flavour, entries, rows, expert.frames, expert.model.samplerate)
    report = {"model": model, "bound": asdict(flavour.bound), "stems": [asdict(row) for row in rows]}
    (staging / REPORT_NAME).write_text(json.dumps(report, indent=2) + "\n")
    (staging / "LICENSE").write_text(facts.licence_text(model), encoding="utf-8")
    (staging / MANIFEST_NAME).write_text(to_toml(manifest), encoding="utf-8")
