"""Models by hand: a folder in stemd's own layout, or graphs as others publish them."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from stemd.separation.manifest import MANIFEST_NAME, Manifest, load_manifest
from stemd.separation.manifest_text import to_toml
from stemd.store.by_hand import Hints, manifest_by_hand
from stemd.store.checks import may_lie_beside
from stemd.store.errors import StoreError, disk_faults
from stemd.store.finishing import finish
from stemd.store.folder import Store
from stemd.store.published import write_manifest
from stemd.store.receipt import agree_once, write_receipt
from stemd.store.talk import Talk


def import_model(paths: Sequence[Path], hints: Hints, store: Store, talk: Talk) -> Path:
    """Copy, check, try and install a model.

    Args:
        paths: one folder, or graphs.
        hints: what the graphs do not say.
        store: where to.
        talk: says and asks.

    Returns:
        The model's folder.

    Raises:
        ModelError: with what to do about it. The store is as it was.
    """
    with disk_faults(store.root):
        own = len(paths) == 1 and (paths[0] / MANIFEST_NAME).is_file()
        files = _own_files(paths[0]) if own else _graphs(paths)
        name = hints.name or (load_manifest(paths[0]).name if own else _common_name(paths, files))
        with store.locked(name):
            staging = store.half_imported(name)
            staging.mkdir()
            try:
                _copy(files, staging, talk)
                manifest = _renamed(staging, name) if own else _described(staging, name, files, hints)
                source = f"imported from {paths[0].resolve()}"
                write_receipt(staging, agree_once(name, manifest.licence, source, "", talk, store.place(name)))
                return finish(store, name, staging, talk)
            finally:
                shutil.rmtree(staging, ignore_errors=True)


def _copy(files: Sequence[Path], staging: Path, talk: Talk) -> None:
    for number, file in enumerate(files):
        talk.progress("copying", number, len(files), "files")
        shutil.copyfile(file, staging / file.name)
    talk.progress("copying", len(files), len(files), "files")


def _described(staging: Path, name: str, files: Sequence[Path], hints: Hints) -> Manifest:
    manifest = manifest_by_hand(name, [staging / file.name for file in files], hints)
    write_manifest(staging, manifest)
    return manifest


def _graphs(paths: Sequence[Path]) -> list[Path]:
    graphs = []
    for path in paths:
        if not path.exists():
            raise StoreError(f"{path}: no such file or folder")
        graphs += sorted(path.glob("*.onnx")) if path.is_dir() else [path]
    if not graphs:
        raise StoreError(f"{paths[0]}: has neither {MANIFEST_NAME} nor graphs (*.onnx)")
    if len({path.name for path in graphs}) < len(graphs):
        raise StoreError("two of the graphs have the same file name; rename one")
    return graphs


def _own_files(folder: Path) -> list[Path]:
    """The files of a folder in stemd's layout that belong to the model."""
    manifest = load_manifest(folder)
    texts = [path for path in sorted(folder.iterdir()) if path.is_file() and may_lie_beside(path.name)]
    graphs = [folder / entry.file for entry in manifest.specialists]
    for graph in graphs:
        if not graph.is_file():
            raise StoreError(f"{graph}: missing, though {MANIFEST_NAME} names it; get the folder again")
    return [folder / MANIFEST_NAME, *graphs, *texts]


def _renamed(staging: Path, name: str) -> Manifest:
    manifest = load_manifest(staging)
    if manifest.name != name:
        manifest = msgspec.structs.replace(manifest, name=name)
        (staging / MANIFEST_NAME).write_text(to_toml(manifest), "utf-8")
    return manifest


def _common_name(paths: Sequence[Path], graphs: Sequence[Path]) -> str:
    """What the graphs' names have in common, else the folder's name."""
    common = os.path.commonprefix([graph.stem for graph in graphs]).strip("-_.")  # noqa: RUF071 - names, not paths
    folder = paths[0].resolve().name if paths[0].is_dir() else ""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", common or folder).lstrip(".")
    if not name:
        raise StoreError("the files have no name in common; give the model one with --name")
    return name
