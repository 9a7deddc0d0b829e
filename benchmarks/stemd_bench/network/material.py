"""The networks on disk: the published architecture with seeded weights, as modules and as graphs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from stemd.errors import StemdError
from stemd.separation.manifest import Storage
from stemd_bench.network import peer
from stemd_bench.network.undone import CHOICES, undone
from stemd_export.htdemucs import weights
from stemd_export.htdemucs.build import hybrid_graph
from stemd_export.htdemucs.portable import portable_graph
from stemd_export.htdemucs.seeded import NARROW, PUBLISHED, SOURCES, seeded_model

SPECIALISTS: Final = len(SOURCES)
ONE: Final = SOURCES.index("vocals")  # the specialist that stands for all where one is enough
Progress = Callable[[str], None]


@dataclass(slots=True)
class Material:
    """Files by what they are.

    Attributes:
        frames: length of a segment.
        rate: Hz.
        modules: stock modules as PyTorch saves them, one for each specialist.
        graphs: the export's fast graphs, one for each specialist, each giving its own source alone.
        changed: graphs of the specialist ONE that differ in one choice, by its name.
        peer: demucs-onnx' graph of the specialist ONE.
        lacking: why files that there might be are not there, by what they would have been.
    """

    frames: int
    rate: int
    modules: list[Path] = field(default_factory=list)
    graphs: list[Path] = field(default_factory=list)
    changed: dict[str, Path] = field(default_factory=dict)
    peer: Path | None = None
    lacking: dict[str, str] = field(default_factory=dict)


def write(folder: Path, storage: Storage, given: Path | None, progress: Progress, *, quick: bool) -> Material:
    """Write everything that the contenders need into `folder`; a peer's graph that was given is taken instead."""
    architecture = NARROW if quick else PUBLISHED
    frames, rate = round(architecture["segment"] * 44_100), 44_100
    material = Material(frames, rate)
    for specialist in range(SPECIALISTS):
        progress(f"network {specialist + 1} of {SPECIALISTS}")
        model = seeded_model(architecture, specialist)
        material.modules.append(folder / f"{specialist}.pt")
        torch.save(model, material.modules[-1])
        net = weights.read(model, frames)
        graph = hybrid_graph(net, [specialist], storage=storage)
        material.graphs.append(_written(folder / f"{specialist}.onnx", graph))
        if specialist == ONE:
            _write_changed(folder, net, storage, material)
    progress(peer.NAME)
    _add_peer(folder, given, material)
    return material


def _write_changed(folder: Path, net: weights.Network, storage: Storage, material: Material) -> None:
    graphs = {
        "all": hybrid_graph(net, range(SPECIALISTS), storage=storage),
        "plain": hybrid_graph(net, [ONE], storage=storage, attention="plain"),
    }
    if storage == "float32":
        graphs["float16"] = hybrid_graph(net, [ONE], storage="float16")
    for choice in CHOICES:
        with undone(choice):
            graphs[choice] = hybrid_graph(net, [ONE], storage=storage)
    graphs["portable"] = portable_graph(net, [ONE], storage=storage)
    material.changed = {name: _written(folder / f"{name}.onnx", graph) for name, graph in graphs.items()}


def _add_peer(folder: Path, given: Path | None, material: Material) -> None:
    if given is not None:
        material.peer = given
        return
    try:
        material.peer = peer.make(material.modules[ONE], folder / "peer.onnx", material.frames / material.rate)
    except StemdError as exc:
        material.lacking["peer"] = str(exc)


def _written(path: Path, graph: Any) -> Path:
    path.write_bytes(graph)
    return path
