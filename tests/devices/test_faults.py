"""What is not there, does not answer or stands still."""

import asyncio
import os
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from stemd.devices import keeper, portaudio
from stemd.devices.endpoints import Endpoint
from stemd.devices.patience import Hung, in_thread, patiently
from stemd.devices.ports import Capture
from stemd.devices.pulse import ask_pulse
from stemd.errors import DeviceError

CARD = Endpoint("card", 0, 2, 2, 48_000, "ALSA")


class FakePortAudio:
    """The module sounddevice, as far as streams are opened and closed with it."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.hang = threading.Event()
        self.hang.set()  # nothing hangs
        self.seen: dict[str, str | None] = {}

    class PortAudioError(Exception):
        pass

    def InputStream(self, **arguments: Any) -> "FakePortAudio":  # noqa: N802 - as it is called there
        self.seen = {name: os.environ.get(name) for name in ("PULSE_SINK", "PULSE_SOURCE")}
        self.hang.wait()
        return self

    latency = 0.01

    def start(self) -> None: ...

    def abort(self, **arguments: Any) -> None: ...

    def _exit_handler(self) -> None: ...

    def close(self, **arguments: Any) -> None:
        self.hang.wait()
        self.closed.set()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    module = FakePortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", module)  # type: ignore[arg-type]
    monkeypatch.setattr(portaudio, "_PATIENCE", 0.1)
    monkeypatch.setattr(portaudio, "_CLOSING", 0.1)
    monkeypatch.setattr(portaudio, "_open", set())
    return module


def test_a_result_that_comes_too_late_is_given_away() -> None:
    go, late = threading.Event(), threading.Event()
    with pytest.raises(Hung):
        patiently(go.wait, 0.01, lambda _: late.set())
    go.set()
    assert late.wait(5)


async def test_a_result_that_was_cancelled_is_given_away() -> None:
    go, late = threading.Event(), threading.Event()
    task = asyncio.create_task(in_thread(go.wait, lambda _: late.set()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert late.wait(5)


def test_an_opening_that_hangs_is_left_behind_and_closed_when_it_comes(fake: FakePortAudio) -> None:
    fake.hang.clear()
    with pytest.raises(DeviceError, match="cannot open the input 'card': PortAudio did not open a device in time"):
        Capture(CARD).open()
    assert portaudio.open_streams() == 1
    assert not portaudio.refresh(), "this would end PortAudio under a call of it"
    fake.hang.set()
    assert fake.closed.wait(5)


def test_a_close_that_hangs_is_left_behind_and_counts_as_open(fake: FakePortAudio) -> None:
    port = Capture(CARD)
    port.open()
    fake.hang.clear()
    port.close()
    assert portaudio.open_streams() == 1
    assert not port.alive(time.monotonic_ns())
    fake.hang.set()


def test_the_environment_is_as_before_once_a_device_is_open(
    fake: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SINK", "mine")
    monkeypatch.delenv("PULSE_SOURCE", raising=False)
    port = Capture(Endpoint("pulse:a.monitor", 0, 2, 0, 48_000, "ALSA", pulse="a.monitor"))
    port.open()
    assert fake.seen == {"PULSE_SINK": "mine", "PULSE_SOURCE": "a.monitor"}
    assert (os.environ["PULSE_SINK"], os.environ.get("PULSE_SOURCE")) == ("mine", None)
    port.close()
    assert portaudio.open_streams() == 0


def test_a_device_lives_as_long_as_it_calls(fake: FakePortAudio) -> None:
    port = Capture(CARD)
    assert not port.alive(time.monotonic_ns())
    port.open()
    opened = time.monotonic_ns()
    assert port.alive(opened + 1_000_000_000)  # the first call may take its time
    assert not port.alive(opened + 3_000_000_000)
    port._callback(np.zeros((48, 2), np.float32), 48, None, None)
    called = port.clock[1]
    assert port.alive(called + 499_000_000)
    assert not port.alive(called + 501_000_000)
    port._callback(np.zeros((24_000, 2), np.float32), 24_000, None, None)
    assert port.alive(port.clock[1] + 3_999_000_000)  # eight periods
    port._finish()
    assert not port.alive(port.clock[1])


def test_without_its_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.setitem(sys.modules, "pulsectl", None)
    with pytest.raises(DeviceError, match=r"^sound devices need the package 'sounddevice': pip install 'stemd\[d"):
        portaudio.sounddevice()
    if sys.platform == "linux":
        with pytest.raises(DeviceError, match=r"^PulseAudio needs the package 'pulsectl': pip install 'stemd\[daemon"):
            ask_pulse()


@pytest.mark.parametrize(("seen", "begins_anew"), [(["a", "b"], True), (["a"], False), ([], False), (None, False)])
def test_portaudio_begins_anew_only_for_a_device_that_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, seen: list[str] | None, begins_anew: bool
) -> None:
    refreshed = []
    monkeypatch.setattr(keeper, "lines_of_another", lambda: seen)
    monkeypatch.setattr(keeper, "device_lines", lambda: ["a"])
    monkeypatch.setattr(keeper, "refresh", lambda: refreshed.append(1) or True)
    keeper._look_anew()
    assert bool(refreshed) == begins_anew


def test_a_device_that_was_plugged_in_waits_while_another_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "lines_of_another", lambda: ["a", "b"])
    monkeypatch.setattr(keeper, "device_lines", lambda: ["a"])
    monkeypatch.setattr(keeper, "refresh", lambda: False)
    with pytest.raises(DeviceError, match="a sound device was plugged in, but to look for it would cut off another"):
        keeper._look_anew()
