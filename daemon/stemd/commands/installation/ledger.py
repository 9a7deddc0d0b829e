"""Which files were written, with their digests: what somebody has edited since is neither overwritten nor removed."""

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from stemd.commands.installation.files import Item
from stemd.errors import StemdError


class Fate(Enum):
    """What becomes of a file."""

    WROTE = "wrote"
    SAME = "is there already"
    KEPT = "kept"  # it is not as it was written
    REMOVED = "removed"

    @property
    def changes(self) -> bool:
        """Whether the file is another one afterwards, or none."""
        return self in {Fate.WROTE, Fate.REMOVED}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Digests of the files that were written, below a root.

    Args:
        root: `/`, or a folder that stands for it.
        path: of the ledger itself.
        digests: by path.
    """

    root: Path
    path: Path
    digests: dict[Path, str]

    @classmethod
    def read(cls, root: Path, path: Path) -> "Ledger":
        """The ledger, empty where there is none.

        Raises:
            StemdError: it is damaged.
        """
        try:
            kept = json.loads(below(root, path).read_text("utf-8"))
            digests = {Path(name): str(digest) for name, digest in kept["files"].items()}
        except FileNotFoundError:
            digests = {}
        except (ValueError, KeyError, AttributeError, TypeError) as exc:
            raise StemdError(f"{path} is damaged; remove the files that README.md of systemd/ names by hand") from exc
        return cls(root, path, digests)

    def fate(self, item: Item) -> Fate:
        """What `write` would do with a file."""
        there = self._digest(item.target)
        if there == _digest(item.text.encode()):
            return Fate.SAME
        return Fate.WROTE if there is None or there == self.digests.get(item.target) else Fate.KEPT

    def write(self, items: Iterable[Item]) -> list[tuple[Item, Fate]]:
        """Write files, but for those that somebody has edited, and note it.

        Raises:
            StemdError: one cannot be written.
        """
        done = []
        for item in items:
            fate = self.fate(item)
            if fate is Fate.WROTE:
                _write(below(self.root, item.target), item.text)
            if fate is not Fate.KEPT:
                self.digests[item.target] = _digest(item.text.encode())
            done.append((item, fate))
            self._note()  # at once: what stops half way can be taken back
        return done

    def _note(self) -> None:
        files = {str(path): digest for path, digest in self.digests.items()}
        _write(below(self.root, self.path), json.dumps({"files": files}, indent=2) + "\n")

    def remove(self, known: Iterable[Path], *, really: bool = True) -> list[tuple[Path, Fate]]:
        """Remove what was written and not edited since, and the ledger.

        Args:
            known: files that may be removed at all, whatever the ledger says.
            really: else only say what would become of each.
        """
        done = []
        for path in (path for path in known if path in self.digests):
            there = self._digest(path)
            if there is None:
                continue
            fate = Fate.REMOVED if there == self.digests[path] else Fate.KEPT
            if fate is Fate.REMOVED and really:
                _remove(below(self.root, path))
            done.append((path, fate))
        if really:
            _remove(below(self.root, self.path))
        return done

    def _digest(self, path: Path) -> str | None:
        file = below(self.root, path)
        return _digest(file.read_bytes()) if file.is_file() else None


def below(root: Path, path: Path) -> Path:
    """A path of the system that is made in `root`."""
    return root / path.relative_to("/")


def check_writable(root: Path, paths: Iterable[Path]) -> None:
    """Refuse before anything is written what would stop in the middle.

    Raises:
        StemdError: the user may not write to one of the folders.
    """
    for path in paths:
        folder = next(parent for parent in below(root, path).parents if parent.is_dir())
        if not os.access(folder, os.W_OK):
            raise StemdError(f"writing to {folder} takes rights that you lack: try with sudo, or --user")


def _write(path: Path, text: str) -> None:
    """All of it or nothing, readable by everybody."""
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, "utf-8")
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as exc:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise StemdError(f"cannot write {path} ({exc.strerror})") from exc


def _remove(path: Path) -> None:
    """And the folders that are empty then, if they are stemd's."""
    path.unlink(missing_ok=True)
    if path.parent.name.startswith("stemd") and path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
