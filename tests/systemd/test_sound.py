"""Sound devices under the service of the machine: out of its reach as shipped, in its reach with the drop-in for them.

The device is one of ALSA that leads to a sound server in the container: there is no card here.
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.reference import PLAN
from tests.systemd.machine import Machine
from tests.systemd.service import USUAL, Service
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.needs("nspawn", "portaudio", "pulseaudio"), pytest.mark.timeout(300)]

RATE = 48_000
DEVICE = """
pcm.desk {
  type pulse
  server "unix:/run/desk/native"
  device "desk.monitor"
  hint { show on description "desk" }
}
"""
CONFIG = f"""{USUAL}
[capture]
device = "desk"
rate = {RATE}
channels = 2
plan = "short"

[plans.short]
segment = {PLAN.segment}
hop = {2 * PLAN.hop}
overlap = {PLAN.overlap}
lookahead = {PLAN.lookahead}
"""


@pytest.fixture(scope="module")
def desk(machine: Machine) -> Iterator[None]:
    """A device named desk, which hears silence."""
    machine.below("/etc/asound.conf").write_text(DEVICE)
    machine.run("mkdir", "/run/desk")
    machine.run(
        *("systemd-run", "--unit=desk", "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"),
        *("-L", f"module-null-sink sink_name=desk rate={RATE} norewinds=yes"),
        *("-L", "module-native-protocol-unix auth-anonymous=1 socket=/run/desk/native"),
    )
    wait_until(machine.below("/run/desk/native").exists, "the sound server answers")
    yield
    machine.run("systemctl", "stop", "desk.service")
    machine.below("/etc/asound.conf").unlink()


def test_devices_need_their_drop_in_and_it_is_named(service: Service, desk: None) -> None:
    service.configure(CONFIG)
    service.control("restart", "stemd.service", status=1)
    assert service.told("stemd install-service --with sound")


def test_with_it_a_device_is_captured(service: Service, desk: None) -> None:
    service.control("stop", "stemd.socket", "stemd.service")
    service.install("sound")
    service.configure(CONFIG)
    service.start()
    assert "1 stream" in service.status
    with service.client() as raw:
        number = raw.listen("live", "mix", delivery="live")
        raw.take_blocks(number, 20)
        capture = raw.state()["devices"]["capture"]
        assert (capture["device"], capture["trouble"]) == ("desk", None)
