"""What real sound devices count: a daemon between two sinks of a real PulseAudio, which stands still for a while."""

import asyncio
import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest

from stemd.service.seeing.catalogue import DEVICES
from stemd_client import Client
from tests.devices.pulse import PulseServer, pulse_server
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.seeing.scraping import Scrape, metrics_at
from tests.live.performing import RATE, SINKS
from tests.live.test_serving import CONFIG
from tests.service.seeing.test_devices_counted import STATE
from tests.waiting import wait_until

pytestmark = [pytest.mark.needs("portaudio", "pulseaudio"), pytest.mark.slow, pytest.mark.timeout(180)]

Seen = tuple[Daemon, int]


@pytest.fixture(scope="module")
def pulse() -> Iterator[PulseServer]:
    with pulse_server(SINKS) as server:
        yield server


@pytest.fixture(scope="module")
def seen(pulse: PulseServer) -> Iterator[Seen]:
    table, port = metrics_at()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PULSE_SERVER", "PULSE_CONFIG", "ALSA_CONFIG_PATH"):
            patch.setenv(name, pulse.env[name])
        with running({**CONFIG, **table, "mixer": {"bypass": True}}) as daemon:
            yield daemon, port


def test_the_state_that_other_tests_make_up_is_the_real_one(seen: Seen) -> None:
    async def status() -> dict[str, dict[str, object]]:
        async with Client(seen[0].address) as client:
            devices: dict[str, dict[str, object]] = (await client.status())["devices"]
            return devices

    real = asyncio.run(status())
    for direction, state in STATE.items():
        assert state.keys() <= real[direction].keys()
    now = Scrape(seen[1])
    for metric in DEVICES:
        assert now.all(metric.name), metric.name
    assert now.all("stemd_device_working") == [1, 1]
    assert min(now.all("stemd_device_buffer_seconds")) > 0


def test_frames_over_full_scale_are_counted(pulse: PulseServer, seen: Seen) -> None:
    """The limiter is off, so as many are clipped as were sent."""
    loud = np.zeros((2 * RATE, 2), np.float32)
    loud[RATE : RATE + 1_000] = 1.5
    assert pulse.play("src", loud).wait(30) == 0
    wait_until(
        lambda: Scrape(seen[1]).of("stemd_device_clipped_frames_total", direction="playback") == 1_000,
        "every one of these frames is counted",
    )
    assert Scrape(seen[1]).of("stemd_device_limited_frames_total", direction="playback") == 0


def test_a_daemon_that_stood_still_has_xruns(seen: Seen) -> None:
    daemon, port = seen
    before = Scrape(port)
    daemon.signal(signal.SIGSTOP)
    stood = time.monotonic()
    wait_until(lambda: time.monotonic() - stood > 2.0, "it stands still")
    daemon.signal(signal.SIGCONT)

    def grown() -> float:
        now = Scrape(port)
        return sum(
            sum(now.all(name)) - sum(before.all(name))
            for name in ("stemd_device_xruns_total", "stemd_device_underruns_total")
        )

    wait_until(grown, "what the devices did not get in time is counted")
    assert daemon.process.poll() is None
