"""A sound server that dies or hangs, and comes back."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.devices.process import Driver, driver
from tests.devices.pulse import PulseServer, pulse_server

pytestmark = pytest.mark.needs("portaudio", "pulseaudio")

NOTICED = 1.5  # seconds; half a second without a callback, a look every tenth, and a busy machine


@pytest.fixture
def server() -> Iterator[PulseServer]:
    """One that a test may kill."""
    with pulse_server({"src": 48_000}) as server:
        yield server


def play_on(server: PulseServer) -> None:
    server.play("src", np.full((60 * 48_000, 2), 0.25, np.float32))


def wait_for(keeper: Driver, *events: str, seconds: float = 15.0) -> float:
    """How long these events took, in this order."""
    begin = time.monotonic()
    for event in events:
        assert keeper.next(seconds)["event"] == event
    return time.monotonic() - begin


@pytest.mark.parametrize("anew", [False, True], ids=["known", "plugged in later"])
def test_a_server_that_was_killed_is_found_again(server: PulseServer, anew: bool) -> None:
    play_on(server)
    with driver(server.env, "keeping", {"name": "pulse:src.monitor", "anew": anew}) as keeper:
        wait_for(keeper, "opened", "flowing")
        server.kill()
        assert wait_for(keeper, "lost") < NOTICED
        if anew:
            wait_for(keeper, "refreshed")
        server.restart()
        play_on(server)
        wait_for(keeper, "opened", "flowing")
        said = keeper.end()
        assert said["event"] == "stopped"
        assert said["open"] == 0
        assert said["seconds"] < 1


def test_a_server_that_hangs_is_lost_and_one_in_its_place_is_used(server: PulseServer) -> None:
    play_on(server)
    with driver(server.env, "keeping", {"name": "pulse:src.monitor"}) as keeper:
        wait_for(keeper, "opened", "flowing")
        server.pause()
        assert wait_for(keeper, "lost") < NOTICED
        server.restart()
        play_on(server)
        wait_for(keeper, "opened", "flowing", seconds=20)
        assert keeper.end()["event"] == "stopped"


def test_a_process_ends_although_the_server_hangs(server: PulseServer) -> None:
    play_on(server)
    with driver(server.env, "keeping", {"name": "pulse:src.monitor"}) as keeper:
        wait_for(keeper, "opened", "flowing")
        server.pause()
        wait_for(keeper, "lost")
        assert keeper.end()["event"] == "stopped"


def test_the_first_opening_must_succeed(server: PulseServer) -> None:
    server.kill()
    with driver(server.env, "keeping", {"name": "pulse:src.monitor"}) as keeper:
        assert keeper.process.wait(15) == 1
