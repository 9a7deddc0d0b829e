"""The units as shipped, read by systemd itself."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from stemd.commands.installation.files import drop_ins, items, machine, own
from stemd.commands.installation.program import program

pytestmark = pytest.mark.needs("systemd")

EXPOSURE = 2.0


def unit(folder: Path, *additions: str, user: bool = False) -> Path:
    """The service, as it is installed, in a folder."""
    for item in items(own() if user else machine(), additions, program(), in_home=False):
        if "systemd" in item.target.parts:
            path = folder / Path(*item.target.parts[-1 - ("stemd.service.d" in item.target.parts) :])
            path.parent.mkdir(exist_ok=True)
            path.write_text(item.text, "utf-8")
    return folder / "stemd.service"


def analyze(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    return subprocess.run(
        ["systemd-analyze", *words], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("additions", [[], *[[name] for name in drop_ins()], drop_ins()], ids="-".join)
def test_systemd_has_nothing_to_say_of_it(tmp_path: Path, additions: list[str]) -> None:
    path = unit(tmp_path, *additions)
    done = analyze(tmp_path, "verify", str(path), str(path.with_name("stemd.socket")))
    # Unknown keys are only complained of.
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_nor_of_a_users(tmp_path: Path) -> None:
    done = analyze(tmp_path, "--user", "verify", str(unit(tmp_path, user=True)))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("file", "key"), [("stemd.service", "ProtectClock"), ("stemd.service.d/sound.conf", "DeviceAllow")]
)
def test_what_systemd_does_not_know_would_be_seen(tmp_path: Path, file: str, key: str) -> None:
    path = unit(tmp_path, "sound")
    broken = tmp_path / file
    broken.write_text(broken.read_text().replace(f"{key}=", f"{key}s="))
    assert f"Unknown key '{key}s'" in analyze(tmp_path, "verify", str(path)).stderr


@pytest.mark.parametrize("additions", [[], *[[name] for name in drop_ins()], drop_ins()], ids="-".join)
def test_it_is_exposed_to_little_with_every_drop_in(tmp_path: Path, additions: list[str]) -> None:
    done = analyze(
        tmp_path, "security", "--offline=true", f"--threshold={EXPOSURE * 10:g}", str(unit(tmp_path, *additions))
    )
    found = re.search(r"Overall exposure level for stemd.service: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= EXPOSURE
    assert done.returncode == 0


def test_sound_devices_are_in_reach_with_their_drop_in(tmp_path: Path) -> None:
    unit(tmp_path, "sound")
    text = (tmp_path / "stemd.service.d" / "sound.conf").read_text()
    for setting in (
        "PrivateDevices=no",
        "DevicePolicy=closed",
        "DeviceAllow=char-alsa rw",
        "SupplementaryGroups=audio",
    ):
        assert f"\n{setting}\n" in text
