"""`stemd models list`, `verify`, `remove` and `path`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Column, Table

from stemd.commands.terminal import Terminal
from stemd.config import load_config
from stemd.errors import ModelError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.manifest import Manifest
from stemd.separation.pool import Lane
from stemd.separation.store import SHIPPED, Model, find, name_of, on_disk, user_folder
from stemd.separation.store import folders as store_folders
from stemd.separation.threads import ThreadPool
from stemd.store.catalogue import catalogue
from stemd.store.checks import file_faults
from stemd.store.errors import StoreError, disk_faults
from stemd.store.folder import Store

_COLUMNS: Final = ("model", "stems", "kind", "rate", "MB", "exactness", "weights", "commercial", "origin")


def installed(options: argparse.Namespace) -> tuple[list[str], list[Path]]:
    """The names of all models, and the configured folders; what a killed run left in the store is put right first."""
    Store(user_folder()).mend()
    config = load_config(Path(options.config) if options.config else None)
    return [name_of(path) or "" for path in on_disk(config.model_folders)], config.model_folders


def list_models(options: argparse.Namespace) -> int:
    """A table of the models on disk; a broken one says why and fails nobody else."""
    names, folders = installed(options)
    rows, broken = [], []
    for name in names:
        try:
            rows.append(_row(find(name, folders)))
        except ModelError as exc:
            broken.append(str(exc))
    if getattr(options, "json", False):
        print(json.dumps(rows, indent=2))
    else:
        _print(rows, folders)
    for fault in broken:
        print(f"stemd: {fault}", file=sys.stderr)
    return 1 if broken else 0


def _row(model: Model) -> dict[str, Any]:
    m = model.manifest
    size = sum(p.stat().st_size for e in m.specialists if (p := model.folder / e.file).exists())
    return {
        "model": m.name,
        "stems": list(m.stems),
        "kind": m.kind,
        "rate": m.sample_rate,
        "MB": round(size / 1e6, 1),
        "exactness": _exactness(m),
        "weights": m.licence.weights,
        "commercial": m.licence.commercial,
        "origin": _origin(model.folder),
        "folder": str(model.folder),
    }


def _print(rows: list[dict[str, Any]], folders: list[Path]) -> None:
    table = Table(*(Column(title, no_wrap=True) for title in _COLUMNS), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(", ".join(row[c]) if c == "stems" else str(row[c]) for c in _COLUMNS))
    console = Console(soft_wrap=True)
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1_000)).maximum)
    console.print(table)
    print(f"looked in: {', '.join(map(str, store_folders(folders)))}")
    for name in Store(user_folder()).resumable():
        print(f"half fetched: {name}; `stemd models pull {name}` goes on, `stemd models remove {name}` deletes it")
    for name, known in catalogue().models.items():
        if name not in [row["model"] for row in rows]:
            print(f"to be had: `stemd models pull {name}`: {known.about}")


def _origin(folder: Path) -> str:
    return {SHIPPED: "shipped", user_folder(): "store"}.get(folder.parent, "folder")


def _exactness(manifest: Manifest) -> str:
    """How true the stored graph is to the network it was made from."""
    parity = manifest.parity
    snr = f"{parity.snr_db:.0f} dB" if parity and parity.snr_db is not None else "not measured"
    return f"lossy, {snr}" if manifest.lossy else snr


def verify_models(options: argparse.Namespace) -> int:
    """Say of each file what is wrong with it; load each network and run it once."""
    names, folders = installed(options)
    failed = False
    for name in options.names or names:
        pool = ThreadPool(EngineOptions(threads=1))  # of its own, so that one model at a time is in memory
        try:
            print(f"{name}: {_verify(find(name, folders), pool)}", flush=True)
        except ModelError as exc:
            failed = True
            print("\n".join(f"stemd: {line}" for line in str(exc).splitlines()), file=sys.stderr, flush=True)
        finally:
            pool.close()
    return 1 if failed else 0


def _verify(model: Model, pool: ThreadPool) -> str:
    with disk_faults(model.folder):
        if faults := file_faults(model.folder, model.manifest):
            raise StoreError("\n".join(faults))
    pool.load(model)
    timings = pool.measure(model, model.manifest.live.window(), Lane.FREE, range(len(model.manifest.specialists)))
    segment = model.manifest.live.segment / model.manifest.sample_rate
    return f"files as published, runs ({segment:.2f} s of sound in {sum(t.median for t in timings):.3f} s, one thread)"


def remove_models(options: argparse.Namespace) -> int:
    """Delete models from the store, after asking."""
    _, folders = installed(options)
    store = Store(Path(options.folder).expanduser() if options.folder else user_folder())
    with Terminal(yes=options.yes) as terminal:
        for name in options.names:
            if not store.place(name).exists() and not store.half_fetched(name).exists():
                raise StoreError(_why_not(find(name, folders)))
            if not terminal.confirm(f"Delete {name} from {store.root}?"):
                raise StoreError(f"{name} was left where it is")
            with disk_faults(store.root), store.locked(name):
                store.remove(name)
            terminal.say(f"{name}: removed")
    return 0


def _why_not(model: Model) -> str:
    """Why a model that is not in the store is not deleted."""
    if model.folder.parent == SHIPPED:
        return f"{model.manifest.name} is a part of stemd and stays; it is used only where no other model is named"
    return (
        f"{model.folder} is not in the store but in a folder of your own; delete it by hand, or name it with --folder"
    )


def print_path(options: argparse.Namespace) -> int:
    """Where the store is, or one model."""
    _, folders = installed(options)
    print(find(options.name, folders).folder if options.name else user_folder())
    return 0
