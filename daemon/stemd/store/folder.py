"""The folder of models, changed only by renaming whole folders that are complete and on the disk.

| in the folder | what it is |
| --- | --- |
| NAME | a model |
| .NAME.pull | half fetched; the next pull of NAME goes on there |
| .NAME.import | half imported, of no use to anybody |
| .NAME.old | whole; another is about to take its place. Counts as NAME for as long as there is no NAME |
| .NAME.gone | on its way out |
| .NAME.lock | held by whoever changes NAME |

Killed between any two steps, NAME is the old model or the new one, and whoever comes next clears up.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import filelock

from stemd.separation.manifest import MANIFEST_NAME
from stemd.separation.store import aside
from stemd.store.errors import StoreError, disk_faults

_HIDDEN: Final = re.compile(r"\.(?P<name>.+)\.(pull|import|old|gone)")


class Store:
    """The models below `root`.

    Args:
        root: the folder; made when first needed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, name: str) -> Path:
        """Where the model `name` lies, or would.

        Raises:
            StoreError: no model may be called that.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", name):
            raise StoreError(f"{name!r} is no name for a model; use letters, digits, - and _ (dots not in front)")
        return self.root / name

    def half_fetched(self, name: str) -> Path:
        """Where a pull gathers its files; outlives it if it is cut short."""
        return self._hidden(name, "pull")

    def half_imported(self, name: str) -> Path:
        """Where an import gathers its files; swept if it is cut short."""
        return self._hidden(name, "import")

    def resumable(self) -> list[str]:
        """Models that a pull has begun and not finished."""
        return sorted(_name(path) for path in self.root.glob(".*.pull") if path.is_dir())

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Nobody else changes `name` meanwhile; what a killed run left behind is put right first.

        Raises:
            StoreError: somebody else is at it, or the disk refuses.
        """
        self.place(name)
        with disk_faults(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.root / f".{name}.lock")
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout as exc:
                raise StoreError(f"another stemd is fetching or changing {name!r}; wait until it is done") from exc
            try:
                self._mend(name)
                yield
            finally:
                lock.release()

    def mend(self) -> None:
        """Put right what killed runs left behind, wherever nobody else is at work."""
        for name in sorted({_name(path) for path in self.root.glob(".*") if _HIDDEN.fullmatch(path.name)}):
            with suppress(StoreError), self.locked(name):  # a store that may only be read is none the worse for it
                pass

    def install(self, name: str, staging: Path) -> Path:
        """Make the finished folder `staging` the model `name`, in place of any other; call this under the lock.

        Raises:
            OSError: the disk refuses; the model is the old one still.
        """
        place = self.place(name)
        for path in (*staging.rglob("*"), staging):
            _sync(path)
        if place.exists():
            place.rename(aside(place))
        try:
            staging.rename(place)
        except OSError:
            if aside(place).exists():
                aside(place).rename(place)
            raise
        _sync(self.root)
        self._discard(name, aside(place))
        return place

    def remove(self, name: str) -> bool:
        """Delete the model `name` and what was fetched of it so far; whether there was any.

        Raises:
            OSError: the disk refuses.
        """
        found = [path for path in (self.place(name), self.half_fetched(name)) if path.exists()]
        for path in found:
            self._discard(name, path)
        return bool(found)

    def _hidden(self, name: str, kind: str) -> Path:
        return self.root / f".{name}.{kind}"

    def _mend(self, name: str) -> None:
        place = self.place(name)
        if aside(place).exists() and not (place / MANIFEST_NAME).exists():
            aside(place).rename(place)
        for path in (aside(place), self.half_imported(name), self._hidden(name, "gone")):
            self._discard(name, path)

    def _discard(self, name: str, path: Path) -> None:
        """Delete a folder. Renamed first, as a model half deleted must not look like one."""
        gone = self._hidden(name, "gone")
        if gone.exists():
            shutil.rmtree(gone)
        if path.exists():
            path.rename(gone)
            shutil.rmtree(gone)


def _name(path: Path) -> str:
    match = _HIDDEN.fullmatch(path.name)
    return match["name"] if match else ""


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDWR if path.is_file() and os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
