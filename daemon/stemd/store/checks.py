"""What is wrong with a model's files, one by one."""

from pathlib import Path
from typing import Final

import msgspec

from stemd.errors import ModelLoadError
from stemd.separation.manifest import MANIFEST_NAME, Manifest, verify
from stemd.store.receipt import RECEIPT_NAME

_BESIDE: Final = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "README", "PARITY")


def may_lie_beside(name: str) -> bool:
    """Whether a file of this name, which no manifest names, belongs to a model: its terms, or what is told of it."""
    return "/" not in name and name.upper().startswith(_BESIDE)


def file_faults(folder: Path, manifest: Manifest) -> list[str]:
    """A line for each file that is missing, damaged, unreadable, or there without need."""
    faults = []
    for entry in manifest.specialists:
        try:
            verify(folder, msgspec.structs.replace(manifest, specialists=(entry,)))
        except ModelLoadError as exc:
            faults.append(str(exc))
    known = {MANIFEST_NAME, RECEIPT_NAME, *(entry.file for entry in manifest.specialists)}
    extra = [path for path in sorted(folder.iterdir()) if path.name not in known]
    return faults + [
        f"{path}: is not named by {MANIFEST_NAME}; delete it" for path in extra if not may_lie_beside(path.name)
    ]
