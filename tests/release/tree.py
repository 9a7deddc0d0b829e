"""This source tree, and the environment of processes that must know nothing of it."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "stemd": "daemon/stemd",
    "stemd_client": "clients/stemd_client",
    "stemd_export": "export/stemd_export",
    "stemd_bench": "benchmarks/stemd_bench",
}
_CACHES = (".*", "__pycache__", "*.pyc", "node_modules", "*.egg-info")
_MADE_HERE = {"dist", "build", "demo"}


def copied(source: Path, target: Path) -> None:
    """Copy a tree without what was made in it."""
    caches = shutil.ignore_patterns(*_CACHES)
    shutil.copytree(
        source, target, ignore=lambda at, names: caches(at, names) | (_MADE_HERE if Path(at) == source else set())
    )
    shutil.copyfile(source / ".gitignore", target / ".gitignore")


def files(folder: Path) -> set[Path]:
    """The files of a tree, relative to it, without caches."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path for path in found if not {"__pycache__", "node_modules"} & set(path.parts)}


def clean(**more: str) -> dict[str, str]:
    """The environment without what leads Python to this checkout, or tells a build the date; and more."""
    left_out = ("PYTHON", "VIRTUAL_ENV", "SOURCE_DATE_EPOCH")
    return {**{key: value for key, value in os.environ.items() if not key.startswith(left_out)}, **more}
