"""`stemd serve` with devices in its configuration does what `stemd live` does, and clients turn its mixer."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from stemd.errors import UnknownStemError
from stemd_client import Client, sync
from tests.devices.pulse import PulseServer
from tests.end_to_end.faults.playing import playing_on
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.witness import watching
from tests.live.performing import RATE, SECONDS, find
from tests.waiting import until, wait_until

pytestmark = [pytest.mark.needs("portaudio", "pulseaudio"), pytest.mark.slow, pytest.mark.timeout(180)]

CONFIG = {
    "capture": {"device": "pulse:src.monitor", "stream": "desk", "plan": "roomy", "latency": 0.2},
    "playback": {"device": "pulse:out", "clock": "same", "limiter": False, "latency": 0.2, "hold": 0.3},
    "mixer": {"mute": ["vocals"]},
    "realtime": {"margin": 0.8},
    "plans": {"roomy": {"segment": 133_120, "hop": 20_480, "overlap": 1_024, "lookahead": 6_144}},
    "plan": "roomy",
}


@pytest.fixture
def daemon(pulse: PulseServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    for name in ("PULSE_SERVER", "PULSE_CONFIG", "ALSA_CONFIG_PATH"):
        monkeypatch.setenv(name, pulse.env[name])
    with running(CONFIG) as daemon:
        yield daemon


async def test_a_daemon_captures_and_plays_by_its_configuration(pulse: PulseServer, daemon: Daemon) -> None:
    sound = np.random.default_rng(2).uniform(-0.3, 0.3, (4 * RATE, 2)).astype(np.float32)
    async with Client(daemon.address) as client:
        state = await client.status()
        [stream] = state["streams"]
        assert (stream["stream"], stream["mute"]) == ("desk", ["vocals"])
        assert {state["devices"][end]["device"] for end in ("capture", "playback")} == {
            "pulse:src.monitor",
            "pulse:out",
        }
        await client.set_mixer("desk", bypass=True)
        recording = await asyncio.to_thread(pulse.record, "out")
        player = pulse.play("src", sound)
        assert await asyncio.to_thread(player.wait, SECONDS) == 0

        def played() -> bool:
            recorded = recording.so_far()
            return any(find(recorded, sound[at : at + RATE // 10]) >= 0 for at in range(0, 3 * RATE, RATE // 4))

        await until(played, "what was captured is played to the bit")
        recording.stop()


async def test_a_reload_moves_those_controls_that_the_configuration_moved(daemon: Daemon) -> None:
    async with Client(daemon.address) as client:
        await client.set_mixer("desk", bypass=True)
        daemon.rewrite(mixer={"mute": [], "wet": 0.5}, capture={"block": 512})
        changed = (await client.reload()).changed
        assert changed == {
            "mixer.mute": "at once",
            "mixer.wet": "at once",
            "capture.block": "after a restart",
        }
        [stream] = (await client.status())["streams"]
        assert (stream["mute"], stream["wet"], stream["bypass"]) == ([], 0.5, True)


async def test_a_reload_with_a_part_that_the_mixer_lacks_changes_nothing(daemon: Daemon) -> None:
    async with Client(daemon.address) as client:
        daemon.rewrite(mixer={"gains": {"voacls": 0.5}}, server={"max_streams": 7})
        with pytest.raises(UnknownStemError, match="did you mean 'vocals'"):
            await client.reload()
        daemon.rewrite(mixer={"gains": {"vocals": 0.5}})
        assert set((await client.reload()).changed) == {"mixer.gains", "server.max_streams"}


def test_a_device_that_is_unplugged_and_comes_back_alters_no_other_stream(pulse: PulseServer, daemon: Daemon) -> None:
    def lost() -> bool:
        with sync.Client(daemon.address) as client:
            return bool(client.status()["devices"]["capture"]["trouble"])

    with watching(daemon.address) as witness, witness.going_on(), playing_on(daemon.address) as player:
        player.go_on()
        for sink in ("src", "out"):  # of one alone, PulseAudio would move who uses it to the other
            pulse.unplug(sink)
        wait_until(lost, "the daemon says that the device is gone", SECONDS)
        player.go_on()
        assert lost()
        for sink in ("src", "out"):
            pulse.plug_in(sink)
        wait_until(lambda: not lost(), "it is found again", SECONDS)
        player.go_on()
        assert not lost()
