"""`stemd measure` on a real sound server, alone and beside a performance whose output has a clock of its own."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from stemd_client import Client
from tests.devices.pulse import PulseServer
from tests.live.performing import SECONDS, performing, status

pytestmark = [pytest.mark.needs("portaudio", "pulseaudio"), pytest.mark.timeout(180)]

_MILLISECOND = 0.001


def measure(pulse: PulseServer, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stemd", "measure", "--output", "pulse:src", "--device-latency", "200ms"]
    return subprocess.run(
        [*command, *arguments], env=pulse.env, capture_output=True, text=True, timeout=SECONDS + 30, check=False
    )


@pytest.mark.slow
def test_a_cable_has_one_length(pulse: PulseServer) -> None:
    done = measure(pulse, "--input", "pulse:src.monitor", "--count", "4", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["played"], found["heard"], found["declared"]) == (4, 4, None)
    assert found["most"] - found["least"] < _MILLISECOND
    assert 0 < found["median"] < sum(found["reported"].values()) + 0.1
    assert abs(found["level_db"]) < 0.1
    assert found["likeness"] > 0.99
    assert not found["inverted"]


@pytest.mark.slow
def test_what_is_not_heard_is_said(pulse: PulseServer) -> None:
    done = measure(pulse, "--input", "pulse:out.monitor")
    assert done.returncode == 1
    assert "nothing was heard: the input is silent" in done.stderr
    nobody = measure(pulse, "--input", "pulse:out.monitor", "--through", "--address", "ipc:///tmp/nobody-is-here")
    assert nobody.returncode == 1
    assert "stemd serve" in nobody.stderr


@pytest.mark.slow
async def test_on_two_clocks_the_delay_stays(pulse: PulseServer) -> None:
    with performing(pulse, "--clock", "own", "--wet", "0") as live:
        await asyncio.to_thread(live.wait_until_it_plays)
        locked = await _locked(live.address)
        arguments = ("--through", "--address", live.address, "--input", "pulse:out.monitor", "--count", "36", "--json")
        done = await asyncio.to_thread(measure, pulse, *arguments)
        assert done.returncode == 0, done.stderr
        after = (await status(live.address))["devices"]["playback"]
        assert live.end() == 0
    for name in ("underruns", "late", "resyncs", "xruns"):
        assert after[name] == locked[name], name
    found = json.loads(done.stdout)
    assert found["heard"] == found["played"]
    assert found["most"] - found["least"] < _MILLISECOND
    declared = found["declared"]
    assert abs(sum(declared["parts"].values()) - declared["seconds"]) < 1e-6
    assert 0 < found["median"] - declared["seconds"] < 1.5, "four devices of 200 ms"


async def _locked(address: str) -> dict[str, Any]:
    async with Client(address) as client, asyncio.timeout(SECONDS):
        while True:
            playback: dict[str, Any] = (await client.status())["devices"]["playback"]
            if playback["drift_ppm"] is not None:
                return playback
            await asyncio.sleep(0.1)
