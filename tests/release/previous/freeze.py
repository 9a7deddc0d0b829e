"""Freezes a release for the tests of later ones: its wheel's Python, without networks and pages.

    python -m tests.release.previous.freeze 0.1.0 7e6a7db

leaves 0.1.0/stemd.zip, which is not for installing but for a place on the path, the configuration's defaults as that
release prints them, and SHA256SUMS. Beside them stands `every-key.toml`, written by hand: no key there has its default.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

from release.dist import write_sums

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PACKAGES = ("stemd/", "stemd_client/")
DATA = (".toml", "METADATA", "WHEEL", "entry_points.txt", "LICENSE")
LEFT_OUT = ("stemd/models/", "stemd_client/web/page/")


def main(version: str, commit: str) -> None:
    """Build a commit's wheel, and keep what is wanted of it."""
    target = HERE / version
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        archived = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, stdout=subprocess.PIPE)
        with tarfile.open(fileobj=BytesIO(archived.stdout)) as archive:
            archive.extractall(folder, filter="data")
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        [wheel] = Path(folder).glob(f"stemd-{version}-*.whl")
        pack(wheel, target / "stemd.zip")
    ask = [sys.executable, "-m", "stemd", "check-config", "--defaults"]
    found = subprocess.run(ask, check=True, stdout=subprocess.PIPE, env=path_to(target / "stemd.zip"), cwd=target)
    (target / "defaults.toml").write_bytes(found.stdout)
    write_sums(target)


def pack(wheel: Path, target: Path) -> None:
    """Copy what is wanted of a wheel into an archive whose bytes depend on nothing else."""
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as kept:
        for name in sorted(filter(wanted, source.namelist())):
            kept.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED, 9)


def wanted(name: str) -> bool:
    """Whether a file of the wheel is a part of the frozen release."""
    if name.startswith(LEFT_OUT):
        return False
    return (name.startswith(PACKAGES) and name.endswith(".py")) or name.endswith(DATA)


def path_to(release: Path) -> dict[str, str]:
    """An environment in which `import stemd` finds a frozen release, before any that is installed."""
    return {**os.environ, "PYTHONPATH": str(release), "PYTHONSAFEPATH": "1"}


if __name__ == "__main__":
    main(*sys.argv[1:])
