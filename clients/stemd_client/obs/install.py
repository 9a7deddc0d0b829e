"""The script for OBS in a folder of its own, with all that it imports."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import requires, version
from pathlib import Path
from typing import Final

import stemd
import stemd_client
from stemd.errors import ConfigError, StemdError

SCRIPT: Final = "stemd_obs.py"
PACKAGES: Final = "packages"
_MARK: Final = "made-by-stemd.txt"
_NOTE: Final = "`stemd obs install-script` made this folder; `stemd obs remove-script` deletes it.\n"

_LEAST: Final = 11  # Python 3.11, as `requires-python` says
_SECONDS: Final = 600

Fetch = Callable[[Path, str, list[str]], None]


@dataclass(frozen=True, slots=True)
class Installed:
    """What was made."""

    script: Path
    size: int  # bytes


def install(folder: Path, python: str, fetch: Fetch | None = None) -> Installed:
    """Make the folder, or make it anew; what was there before stays until the new one is whole.

    Copies of the script under other names, each for a stem of its own, become the new script; changed ones stay.

    Args:
        folder: of the script; its parents are made.
        python: the version of the Python that OBS runs, as 3.11.
        fetch: puts packages for a version of Python into a folder; None: pip does.

    Raises:
        ConfigError: `python` is no version or too old, or the folder is not one that this function made.
        StemdError: packages cannot be fetched.
    """
    _check_python(python)
    folder = folder.resolve()
    _check_ours(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # What cannot be deleted of the old one is no reason to say that the new one is not there.
        with tempfile.TemporaryDirectory(prefix="stemd-", dir=folder.parent, ignore_cleanup_errors=True) as place:
            new = Path(place) / "new"
            _make(new, folder, python, fetch or _pip)
            if folder.exists():
                folder.rename(Path(place) / "old")
            new.rename(folder)
    except OSError as exc:
        raise StemdError(f"cannot write the script to {folder}: {exc}") from exc
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Installed(folder / SCRIPT, size)


def remove(folder: Path) -> bool:
    """Delete what `install` made; False where there is nothing.

    Raises:
        ConfigError: the folder is not one that `install` made.
    """
    folder = folder.resolve()
    if not folder.exists():
        return False
    _check_ours(folder)
    shutil.rmtree(folder)
    return True


def _check_python(python: str) -> None:
    found = re.fullmatch(r"3\.(\d+)", python)
    if not found:
        raise ConfigError(f"--python {python!r} is not a version such as 3.11")
    if int(found[1]) < _LEAST:
        raise ConfigError(
            f"the script needs Python 3.{_LEAST} or newer, and this would be {python}: take an OBS that runs a newer"
            " one, or a browser source (stemd obs setup --sound browser)"
        )


def _check_ours(folder: Path) -> None:
    if folder.exists() and not (folder / _MARK).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} was not made by `stemd obs install-script`; choose another --folder")


def _make(new: Path, old: Path, python: str, fetch: Fetch) -> None:
    packages = new / PACKAGES
    packages.mkdir(parents=True)
    _copy_own(packages)
    fetch(packages, python, _requirements())
    shutil.copyfile(Path(__file__).with_name(SCRIPT), new / SCRIPT)
    (new / _MARK).write_text(_NOTE, "utf-8")
    _keep_scripts(old, new)


def _keep_scripts(old: Path, new: Path) -> None:
    """Carry over what else was put beside the script; a copy of it becomes the new one."""
    before = (old / SCRIPT).read_bytes() if (old / SCRIPT).exists() else None
    for script in old.glob("*.py"):
        if script.name != SCRIPT:
            copied = script.read_bytes() == before
            shutil.copyfile(new / SCRIPT if copied else script, new / script.name)


def _copy_own(packages: Path) -> None:
    """Both packages of stemd, as far as a script needs them, from where they are imported here."""
    daemon, client = (Path(str(package.__file__)).parent for package in (stemd, stemd_client))
    for each in (*daemon.glob("*.py"), daemon / "protocol", daemon / "keys"):
        _copy(each, packages / "stemd" / each.name)
    for each in (*client.glob("*.py"), client / "obs"):
        _copy(each, packages / "stemd_client" / each.name)
    # `stemd.__version__` is read from here.
    facts = packages / f"stemd-{version('stemd')}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: stemd\nVersion: {version('stemd')}\n", "utf-8")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.md", SCRIPT))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _requirements() -> list[str]:
    """What a client needs beside stemd: the base install."""
    return [each for each in requires("stemd") or () if "extra ==" not in each]


def _pip(packages: Path, python: str, requirements: list[str]) -> None:
    """Fetch wheels for another Python than this one, and unpack them."""
    chosen = ["--only-binary", ":all:", "--python-version", python, "--target", str(packages)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        uv = shutil.which("uv")
        if uv is None:
            raise StemdError("neither pip nor uv is here to fetch packages with: python -m ensurepip")
        pip = [uv, "pip", "install", "--quiet"]
    command = [*pip, *chosen, *requirements]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and the version was checked
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise StemdError(f"fetching {', '.join(requirements)} took more than {_SECONDS} s") from exc
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR") or "error" in line.lower()]
        said = (lines or done.stderr.splitlines() or ["no reason given"])[-1]
        raise StemdError(f"cannot fetch {', '.join(requirements)} for Python {python}: {said}")
