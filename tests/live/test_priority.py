"""Of a daemon's threads, those that sound devices call are of the real-time class, and no other."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stemd.devices.priority import hurry
from tests.devices.pulse import PulseServer
from tests.end_to_end.process import running
from tests.live.test_serving import CONFIG
from tests.waiting import wait_until

pytestmark = [pytest.mark.needs("portaudio", "pulseaudio"), pytest.mark.slow, pytest.mark.timeout(180)]


def in_a_hurry(pid: int) -> list[int]:
    """The priorities of the threads of a process that are of the real-time class."""
    threads = [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]
    policies = {thread: os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK for thread in threads}
    return [os.sched_getparam(thread).sched_priority for thread in threads if policies[thread] == os.SCHED_FIFO]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a policy of their own on Linux")
@pytest.mark.parametrize(("priority", "expected"), [(7, [7, 7]), (0, [])])
def test_only_the_threads_of_devices_are_of_the_real_time_class(
    pulse: PulseServer, monkeypatch: pytest.MonkeyPatch, priority: int, expected: list[int]
) -> None:
    with ThreadPoolExecutor(1) as probe:
        if not probe.submit(hurry, 1).result():
            pytest.skip("this user may not use the real-time class")
    for name in ("PULSE_SERVER", "PULSE_CONFIG", "ALSA_CONFIG_PATH"):
        monkeypatch.setenv(name, pulse.env[name])
    with running({**CONFIG, "realtime": {"margin": 0.8, "audio_priority": priority}}) as daemon:
        wait_until(lambda: in_a_hurry(daemon.process.pid) == expected, f"{len(expected)} threads in a hurry")
        assert in_a_hurry(daemon.process.pid) == expected
