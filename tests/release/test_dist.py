"""What is published: the same bytes from whoever makes it, whole, and with nothing in it that does not belong."""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tests.release.conftest import COMMITTED, Made
from tests.release.tree import PACKAGES, clean, files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def in_wheel(made: Made) -> set[str]:
    with zipfile.ZipFile(made.one(".whl")) as archive:
        return set(archive.namelist())


def in_sdist(made: Made) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(made.one(".tar.gz")) as archive:
        return {str(PurePosixPath(*PurePosixPath(one.name).parts[1:])): one for one in archive if one.isfile()}


def test_the_sdist_makes_the_same_bytes_elsewhere(made: Made, again: Made) -> None:
    assert len(digests(made.folder)) == 5
    assert digests(again.folder) == digests(made.folder)


def test_the_wheel_of_the_tree_is_the_wheel_of_the_sdist(made: Made, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(made.source)]
    subprocess.run(command, env=clean(SOURCE_DATE_EPOCH=str(COMMITTED)), capture_output=True, check=True)
    [wheel] = tmp_path.iterdir()
    assert wheel.read_bytes() == made.one(".whl").read_bytes()


def test_sha256sum_finds_every_file_as_it_was_made(made: Made) -> None:
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=made.folder, capture_output=True, text=True, check=True
    )
    checked = {line.removesuffix(": OK") for line in done.stdout.splitlines()}
    assert checked == {path.name for path in made.folder.iterdir()} - {"SHA256SUMS"}


def test_the_wheel_holds_the_packages_and_nothing_else(made: Made) -> None:
    expected = {f"{name}/{path}" for name, folder in PACKAGES.items() for path in files(made.source / folder)}
    expected |= {f"stemd/systemd/{path}" for path in files(made.source / "systemd")}
    found = {name for name in in_wheel(made) if ".dist-info/" not in name}
    assert found == expected
    assert {"stemd/models/spleeter-vocals/vocals.onnx", "stemd/protocol/PROTOCOL.md"} < found
    assert {"stemd_client/web/page/index.html", "stemd_client/obs/stemd_obs.py"} < found


def test_the_wheel_bears_both_licences(made: Made) -> None:
    licences = {name.partition(".dist-info/licenses/")[2] for name in in_wheel(made)} - {""}
    assert licences == {"LICENSE", "daemon/stemd/models/spleeter-vocals/LICENSE"}


def test_the_sdist_holds_what_makes_the_wheel_tests_it_and_tells_of_it(made: Made) -> None:
    found = set(in_sdist(made))
    for folder in (*PACKAGES.values(), "tests", "docs", "systemd", "release"):
        assert {f"{folder}/{path}" for path in files(made.source / folder)} <= found, folder
    assert {"LICENSE", "README.md", "CHANGELOG.md", "Makefile", "requirements.lock", "requirements-daemon.lock"} < found


def test_the_sdist_holds_nothing_that_was_made_here(made: Made) -> None:
    allowed = {"benchmarks", "clients", "daemon", "docs", "export", "release", "systemd", "tests"}
    names = in_sdist(made)
    assert {name.partition("/")[0] for name in names if "/" in name} <= allowed
    assert not {name for name in names if {"__pycache__", "node_modules", ".venv"} & set(name.split("/"))}


def test_what_is_packed_bears_the_date_of_the_commit_and_no_name(made: Made) -> None:
    for one in in_sdist(made).values():
        assert (int(one.mtime), one.uname, one.gname, one.uid, one.gid) == (COMMITTED, "", "", 0, 0)
        assert one.mode in {0o644, 0o755}
