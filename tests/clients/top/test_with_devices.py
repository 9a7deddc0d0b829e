"""The screen beside `stemd live` on a real sound server: its devices are seen, and panic is heard of."""

import pytest

from tests.clients.top.test_screen import mixer, screen, shown
from tests.devices.pulse import PulseServer, pulse_server
from tests.live.performing import SINKS, listening, performing
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.needs("portaudio", "pulseaudio"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def pulse() -> PulseServer:
    with pulse_server(SINKS) as server:
        yield server


async def test_the_devices_of_a_performance_are_seen_and_the_keys_reach_it(pulse: PulseServer) -> None:
    with performing(pulse) as live:
        live.wait_until_it_plays()
        async with listening(live.address, "vocals") as [listener], screen(live) as (app, pilot):
            row = next(line for line in shown(app).splitlines() if line.startswith("> live"))
            assert row.split()[-1].rstrip("!").isdecimal()  # the xruns, which only streams with devices have
            assert "capture  pulse:src.monitor: xruns" in shown(app)
            assert "playback pulse:out: delay" in shown(app)
            assert "vocals" in shown(app).partition("listened to")[2]
            await pilot.press("p")
            await until(lambda: "BYPASS" in shown(app), "bypass is shown")
            assert (await mixer(listener._client, "live"))["bypass"] is True
        assert live.end() == 0
