"""The service of a user, under a systemd of that user's own, with the sound server of that user's session."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.raw import BLOCK, connected
from tests.end_to_end.reference import PLAN, offline, recording
from tests.systemd.machine import STEMD, Machine
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.needs("nspawn", "portaudio", "pulseaudio"), pytest.mark.timeout(300)]

RATE = 44_100
# Without PAM, which a container has no settings for.
PLAIN = "[Service]\nPAMName=\nEnvironment=XDG_RUNTIME_DIR=/run/user/%i\n"
CONFIG = f"""
[engine]
threads = 1
[capture]
device = "default"
plan = "short"
[plans.short]
segment = {PLAN.segment}
hop = {2 * PLAN.hop}
overlap = {PLAN.overlap}
lookahead = {PLAN.lookahead}
"""


class Anna:
    """Somebody who has logged in."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.run("mkdir", "-p", "/etc/systemd/system/user@.service.d")
        machine.below("/etc/systemd/system/user@.service.d/plain.conf").write_text(PLAIN)
        machine.run("systemctl", "daemon-reload")
        machine.run("useradd", "--create-home", "anna")
        self.number = machine.run("id", "-u", "anna").strip()
        self.runtime = f"/run/user/{self.number}"
        machine.run("systemctl", "start", f"user@{self.number}.service")

    def run(self, *command: str, status: int | None = 0) -> str:
        """Run something as her."""
        return self.machine.run(
            *("setpriv", f"--reuid={self.number}", "--regid=users", "--clear-groups"),
            *("env", "-i", "HOME=/home/anna", f"XDG_RUNTIME_DIR={self.runtime}", "PATH=/usr/bin", "LC_ALL=C.UTF-8"),
            *command,
            status=status,
        )

    def control(self, *words: str, status: int | None = 0) -> str:
        """Call her systemctl."""
        return self.run("systemctl", "--user", *words, status=status)

    def home(self, path: str) -> Path:
        """A file of hers."""
        return self.machine.below(f"/home/anna/{path}")


@pytest.fixture(scope="module")
def anna(machine: Machine) -> Iterator[Anna]:
    anna = Anna(machine)
    yield anna
    machine.run("systemctl", "stop", f"user@{anna.number}.service")
    machine.run("userdel", "--remove", "anna", status=None)


@pytest.fixture(scope="module")
def mixture() -> Any:
    return recording(70 * BLOCK, RATE, seed=3)


def test_a_user_installs_uses_and_removes_it(anna: Anna, mixture: Any) -> None:
    said = anna.run(STEMD, "install-service", "--user")
    for line in ("systemctl --user daemon-reload", "systemctl --user enable --now stemd"):
        assert line in said
        anna.run(*line.split())
    with connected(f"ipc://{anna.machine.below(anna.runtime)}/stemd") as raw:
        raw.opened("song")
        number = raw.listen("song", "vocals")
        raw.pour("song", mixture)
        [heard] = raw.take_until_end(number)
        assert np.allclose(heard.samples, offline(mixture, RATE), atol=1e-5)  # with as many threads as there are cores
    assert "the service runs, or is enabled" in anna.run(STEMD, "uninstall-service", "--user", status=1)
    anna.control("disable", "--now", "stemd.service")
    anna.run(STEMD, "uninstall-service", "--user")
    assert not anna.machine.below(f"{anna.runtime}/stemd").exists()
    assert not anna.home(".config/stemd").exists()
    assert list(anna.home(".config/systemd").rglob("stemd*")) == []


def test_it_hears_the_session_of_its_user(anna: Anna) -> None:
    anna.machine.below("/etc/asound.conf").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    anna.run(
        *("systemd-run", "--user", "--unit=sound", "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"),
        *("-L", f"module-null-sink sink_name=desk rate={RATE} norewinds=yes", "-L", "module-native-protocol-unix"),
    )
    wait_until(anna.machine.below(f"{anna.runtime}/pulse/native").exists, "the sound server answers")
    anna.run(STEMD, "install-service", "--user")
    anna.home(".config/stemd/stemd.toml").write_text(CONFIG)
    anna.control("daemon-reload")
    anna.control("start", "stemd.service")
    with connected(f"ipc://{anna.machine.below(anna.runtime)}/stemd") as raw:
        raw.take_blocks(raw.listen("live", "mix", delivery="live"), 20)
        assert raw.state()["devices"]["capture"]["trouble"] is None
    anna.control("stop", "stemd.service", "sound.service")
    anna.machine.below("/etc/asound.conf").unlink()
