"""`stemd models list` and `stemd models verify`."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stemd.config import load_config
from stemd.errors import ModelError
from stemd.separation.manifest import Manifest
from stemd.separation.pool import Lane
from stemd.separation.store import Model, find, on_disk
from stemd.separation.store import folders as store_folders
from stemd.separation.threads import ThreadPool


def _models(options: argparse.Namespace) -> tuple[list[str], list[Path]]:
    config = load_config(Path(options.config) if options.config else None)
    return [path.name for path in on_disk(config.model_folders)], config.model_folders


def list_models(options: argparse.Namespace) -> int:
    """A table of the models on disk; a broken one says why and fails nobody else."""
    names, folders = _models(options)
    table = Table(
        "model", "stems", "kind", "rate", "MB", "exactness", "weights", "commercial", box=None, pad_edge=False
    )
    broken = []
    for name in names:
        try:
            model = find(name, folders)
        except ModelError as exc:
            broken.append(str(exc))
            continue
        m = model.manifest
        size = sum(p.stat().st_size for e in m.specialists if (p := model.folder / e.file).exists())
        table.add_row(
            *(m.name, ", ".join(m.stems), m.kind, str(m.sample_rate), f"{size / 1e6:.1f}"),
            *(_exactness(m), m.licence.weights, m.licence.commercial),
        )
    Console(soft_wrap=True).print(table)
    print(f"looked in: {', '.join(map(str, store_folders(folders)))}")
    for fault in broken:
        print(f"stemd: {fault}", file=sys.stderr)
    return 1 if broken else 0


def _exactness(manifest: Manifest) -> str:
    """How true the stored graph is to the network it was made from."""
    snr = f"{manifest.parity.snr_db:.0f} dB" if manifest.parity.snr_db is not None else "not measured"
    return f"lossy, {snr}" if manifest.lossy else snr


def verify_models(options: argparse.Namespace) -> int:
    """Check digests, load each network and run it once."""
    names, folders = _models(options)
    failed = False
    pool = ThreadPool(threads=1)
    try:
        for name in options.names or names:
            try:
                print(f"{name}: {_verify(find(name, folders), pool)}")
            except ModelError as exc:
                failed = True
                print(f"stemd: {exc}", file=sys.stderr)
    finally:
        pool.close()
    return 1 if failed else 0


def _verify(model: Model, pool: ThreadPool) -> str:
    pool.load(model)
    timings = pool.measure(model, model.manifest.live.segment, Lane.FREE)
    segment = model.manifest.live.segment / model.manifest.sample_rate
    return f"files as published, runs ({segment:.2f} s of sound in {sum(t.median for t in timings):.3f} s, one thread)"
