"""What a store looks like from outside."""

from pathlib import Path

from stemd.separation.manifest import verify
from stemd.separation.store import find, name_of, on_disk
from stemd.store.folder import Store


def models(store: Store) -> dict[str, str]:
    """Every model that can be found in the store, by name, with its version; each one is whole."""
    found = {}
    for folder in on_disk([store.root]):
        if folder.parent == store.root:
            name = name_of(folder) or ""
            model = find(name, [store.root])
            verify(model.folder, model.manifest)
            found[name] = model.manifest.version
    return found


def names(folder: Path) -> list[str]:
    """What lies in a folder, locks left out."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")
