"""A version made twice: here, and from its own sdist by somebody whose machine is set up otherwise."""

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.release.previous.freeze import path_to
from tests.release.previous.programs import PREVIOUS
from tests.release.tree import ROOT, clean, copied

COMMITTED = 1_750_000_000


@dataclass(frozen=True)
class Made:
    """What `make dist` left in a folder, and the tree that it was made of."""

    folder: Path
    source: Path

    def one(self, ending: str) -> Path:
        """The one file that ends so."""
        [path] = self.folder.glob(f"*{ending}")
        return path


def make(source: Path, out: Path, umask: int, **environment: str) -> Made:
    command = [sys.executable, "-m", "release.dist", "--out", str(out)]
    done = subprocess.run(
        command, cwd=source, env=clean(**environment), umask=umask, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Made(out, source)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made of this tree."""
    folder = tmp_path_factory.mktemp("made")
    copied(ROOT, folder / "tree")
    return make(folder / "tree", folder / "dist", 0o022, SOURCE_DATE_EPOCH=str(COMMITTED), TZ="UTC", LC_ALL="C.UTF-8")


@pytest.fixture(scope="session")
def again(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made of that sdist elsewhere: other folder, file modes and times, time zone, language; nobody says the date."""
    folder = tmp_path_factory.mktemp("somewhere-else-entirely")
    with tarfile.open(made.one(".tar.gz")) as archive:
        archive.extractall(folder, filter="data")
    [source] = folder.iterdir()
    for path in source.rglob("*"):
        path.chmod(0o777 if path.stat().st_mode & 0o100 else 0o666)
        if path.name != "PKG-INFO":
            os.utime(path, (1_000_000_000, 1_000_000_000))
    return make(source, folder / "dist", 0o077, TZ="Pacific/Kiritimati", LC_ALL="C", PYTHONHASHSEED="4711")


@pytest.fixture(scope="session")
def programs(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment installed as docs/releasing.md says: by the lock, then the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    lock = ["--require-hashes", "--only-binary", ":all:", "-r", str(made.folder / "requirements-daemon.lock")]
    for what in (lock, [str(made.one(".whl"))]):
        done = subprocess.run([*pip, *what], env=clean(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of processes that use the previous release."""
    place = tmp_path_factory.mktemp("previous")
    shutil.unpack_archive(PREVIOUS / "stemd.zip", place)
    return path_to(place)
