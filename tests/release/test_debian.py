"""The Debian package: built from the lock, installed on a machine with a real systemd, upgraded, removed, purged."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.end_to_end.reference import recording
from tests.release.conftest import Made
from tests.release.previous.programs import PRESENT, as_told, talked
from tests.release.tree import clean
from tests.systemd.machine import Machine, booted
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.needs("debhelper", "nspawn")]
CONFIG = "# by an administrator\n[engine]\nthreads = 1\n"
OWN = "/usr/lib/stemd"


def built(made: Made, out: Path, umask: int) -> Path:
    """The package of what was made."""
    shutil.copytree(made.folder, out)
    command = [sys.executable, "-m", "release.deb", "--out", str(out)]
    done = subprocess.run(
        command,
        cwd=made.source,
        env=clean(SOURCE_DATE_EPOCH="1750000000"),
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5_000:]
    [package] = out.glob("*.deb")
    return package


@pytest.fixture(scope="module")
def package(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(made, tmp_path_factory.mktemp("package") / "dist", 0o022)


@pytest.fixture(scope="module")
def machine(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that is this one at first; what is written there is thrown away."""
    if os.geteuid() != 0:
        pytest.skip("only root can boot a container")
    place = tmp_path_factory.mktemp("machine")
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(place)]
    subprocess.run(mount, check=True)
    try:
        for name in ("written", "work", "root"):
            (place / name).mkdir()
        layers = f"lowerdir=/,upperdir={place}/written,workdir={place}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(place / "root")], check=True)
        try:
            shutil.copyfile(package, place / "root" / "stemd.deb")
            # By which images for containers forbid packages to start anything: a machine has none.
            (place / "root" / "usr" / "sbin" / "policy-rc.d").unlink(missing_ok=True)
            with booted(place / "root") as made:
                yield made
        finally:
            subprocess.run(["umount", str(place / "root")], check=True)
    finally:
        subprocess.run(["umount", str(place)], check=True)


def listed(machine: Machine) -> set[str]:
    """Every path below the folders that only packages and administrators write to, and all of ours elsewhere."""
    found = machine.run("find", "/usr", "/etc", "/opt", "-xdev")
    ours = machine.run("find", "/var", "/run", "-xdev", "-path", "*/stemd*")
    return {*found.splitlines(), *ours.splitlines()}


def test_it_is_the_same_bytes_whoever_builds_it(made: Made, package: Path, tmp_path: Path) -> None:
    assert built(made, tmp_path / "again", 0o077).read_bytes() == package.read_bytes()


def test_lintian_finds_nothing_that_has_no_reason(package: Path) -> None:
    done = subprocess.run(["lintian", "--allow-root", str(package)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_asks_for_the_python_that_it_was_built_for(package: Path) -> None:
    told = subprocess.run(["dpkg-deb", "--info", str(package)], capture_output=True, text=True, check=True).stdout
    minor = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print(sys.version_info.minor)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"Version: {PRESENT}-1\n" in told
    assert f"python3 (>= 3.{int(minor)}~), python3 (<< 3.{int(minor) + 1}~)" in told


def test_from_installing_to_purging(machine: Machine, old: dict[str, str], tmp_path: Path) -> None:
    before = listed(machine)
    machine.run("dpkg", "--install", "/stemd.deb")
    installed_and_quiet(machine)
    separates_as_the_checkout_does(machine, tmp_path)
    served_by_the_service(machine, old, tmp_path)
    upgraded_while_it_runs(machine)
    machine.run("dpkg", "--remove", "stemd")
    assert machine.run("systemctl", "is-active", "stemd", status=None).strip() == "inactive"
    left = listed(machine) - before
    assert {path for path in left if path.startswith(OWN)} == set()
    assert machine.below("/etc/stemd/stemd.toml").read_text("utf-8") == CONFIG
    machine.run("dpkg", "--purge", "stemd")
    users = {f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow")}  # systemd-sysusers' copies
    assert listed(machine) - before <= users
    assert before - listed(machine) == set()
    assert machine.run("getent", "passwd", "stemd").startswith("stemd:")


def installed_and_quiet(machine: Machine) -> None:
    """It is there and nothing has been started."""
    assert machine.run("stemd", "--version") == f"stemd {PRESENT}\n"
    assert machine.run(f"{OWN}/bin/python3", "-c", "import stemd; print(stemd.__file__)").startswith(f"{OWN}/lib/")
    assert machine.below(f"{OWN}/lib").is_dir()
    assert (
        machine.run("systemctl", "is-enabled", "stemd.service", "stemd.socket", status=None).split() == ["disabled"] * 2
    )
    assert (
        machine.run("systemctl", "is-active", "stemd.service", "stemd.socket", status=None).split() == ["inactive"] * 2
    )
    assert machine.run("dpkg", "--verify", "stemd") == ""
    assert machine.run("stemd", "check-config", "/etc/stemd/stemd.toml")


def separates_as_the_checkout_does(machine: Machine, place: Path) -> None:
    """Anybody may: here somebody who may write nowhere else."""
    song = place / "song.wav"
    soundfile.write(song, recording(100_000, 44_100).T, 44_100, subtype="FLOAT")
    machine.run("install", "-d", "-o", "nobody", "/srv/music")
    shutil.copyfile(song, machine.below("/srv/music/song.wav"))
    options = ("--threads", "1", "-o")
    there = ("stemd", "separate", "/srv/music/song.wav", *options, "/srv/music/stems")
    machine.run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", "HOME=/nonexistent", *there)
    here = [sys.executable, "-m", "stemd", "separate", str(song), *options, str(place / "stems")]
    subprocess.run(here, env=clean(), check=True, capture_output=True)
    for stem in ("vocals", "instrumental"):
        expected, _ = soundfile.read(place / "stems" / "song" / f"{stem}.wav")
        heard, _ = soundfile.read(machine.below(f"/srv/music/stems/song/{stem}.wav"))
        assert np.abs(expected).max() > 0.01
        assert np.array_equal(heard, expected)


def served_by_the_service(machine: Machine, old: dict[str, str], place: Path) -> None:
    """As an administrator starts it; a program of the previous release hears every bit."""
    machine.below("/etc/stemd/stemd.toml").write_text(CONFIG, "utf-8")
    machine.run("systemctl", "enable", "--now", "stemd")
    told, heard = talked(old, f"ipc://{machine.below('/run/stemd')}", place)
    assert told["daemon"] == f"stemd {PRESENT}"
    as_told(told, heard)


def upgraded_while_it_runs(machine: Machine) -> None:
    """The new one is started where the old one ran, and the configuration is the administrator's."""
    first = machine.run("systemctl", "show", "stemd", "--property=MainPID")
    machine.run("dpkg", "--install", "/stemd.deb")
    wait_until(lambda: machine.run("systemctl", "is-active", "stemd", status=None) == "active\n", "it is active again")
    assert machine.run("systemctl", "show", "stemd", "--property=MainPID") != first
    assert machine.below("/etc/stemd/stemd.toml").read_text("utf-8") == CONFIG
