"""`stemd models pull` and `stemd models import`."""

import argparse
from pathlib import Path

from stemd.commands.terminal import Terminal
from stemd.config import load_config
from stemd.separation.store import folders, user_folder
from stemd.store.by_hand import Hints
from stemd.store.folder import Store
from stemd.store.importing import import_model
from stemd.store.pulling import Order, pull


def pull_model(options: argparse.Namespace) -> int:
    """Fetch a model from a hub repository."""
    store = _store(options)
    with Terminal(yes=options.yes) as terminal:
        folder = pull(Order(options.name, options.repo, options.revision), store, terminal)
    _tell(folder, options)
    return 0


def import_models(options: argparse.Namespace) -> int:
    """Make a model of files that are here already."""
    hints = Hints(
        name=options.name,
        stems=_words(options.stem),
        rows=_words(options.row),
        outputs=options.rows,
        segment=options.segment,
        rate=options.rate,
    )
    store = _store(options)
    with Terminal(yes=options.yes) as terminal:
        folder = import_model([Path(path).expanduser() for path in options.paths], hints, store, terminal)
    _tell(folder, options)
    return 0


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()


def _store(options: argparse.Namespace) -> Store:
    store = Store(Path(options.folder).expanduser() if options.folder else user_folder())
    store.mend()
    return store


def _tell(folder: Path, options: argparse.Namespace) -> None:
    print(f"the model is in {folder}; use it with --model {folder.name}")
    config = load_config(Path(options.config) if options.config else None)
    if folder.parent.resolve() not in [place.resolve() for place in folders(config.model_folders)]:
        print(f"stemd does not look there yet: add {str(folder.parent)!r} to models.folders in the configuration")
