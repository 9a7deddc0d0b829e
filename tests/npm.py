"""Packages of npm as a lock file names them, hashes and all, fetched once."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

_CACHE = Path(__file__).parent.parent / ".cache"
_SETTINGS = ("package.json", "package-lock.json", ".npmrc")


def installed(settings: Path, name: str, kept: tuple[str, ...] = ("node_modules",)) -> Path:
    """A folder with what `npm ci` brings.

    Args:
        settings: folder of package.json, package-lock.json and .npmrc.
        name: of the folder in .cache.
        kept: files and folders below it, each kept by its last name; the rest is thrown away.

    Raises:
        RuntimeError: the npm registry cannot be reached, or a hash is wrong.
    """
    digest = hashlib.sha256(b"".join((settings / each).read_bytes() for each in _SETTINGS)).hexdigest()[:16]
    folder = _CACHE / name / digest
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            _install(settings, Path(work), kept).rename(folder)
    return folder


def _install(settings: Path, work: Path, kept: tuple[str, ...]) -> Path:
    for each in _SETTINGS:
        shutil.copy(settings / each, work)
    done = subprocess.run(["npm", "ci"], cwd=work, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        raise RuntimeError(f"npm ci failed; these tests need the npm registry\n{done.stdout}{done.stderr}")
    result = work / "kept"
    result.mkdir()
    for each in kept:
        (work / each).rename(result / Path(each).name)
    return result
