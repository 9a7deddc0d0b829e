"""Sinks and microphones that stemd makes itself, on a real PulseAudio: they work, and none is left behind."""

import os
import signal
import subprocess

import numpy as np
import pytest

from stemd.devices.virtual import Virtual
from stemd.errors import DeviceError
from tests.devices.pulse import PulseServer
from tests.live.performing import RATE, SECONDS, Performance, Samples, complaint, find, performing
from tests.waiting import wait_until

pytestmark = [pytest.mark.needs("portaudio", "pulseaudio"), pytest.mark.timeout(180)]

SINK = ("--virtual-sink", "karaoke", "--output", "pulse:out")
MICROPHONE = ("--input", "pulse:src.monitor", "--virtual-mic", "stage")


def noise(seconds: float) -> Samples:
    return np.random.default_rng(5).uniform(-0.3, 0.3, (round(seconds * RATE), 2)).astype(np.float32)


def there(pulse: PulseServer) -> set[str]:
    return {*pulse.names("sinks"), *pulse.names("sources")}


def left_behind(pulse: PulseServer) -> bool:
    return any(name.startswith(("karaoke", "stage")) for name in there(pulse))


def heard(pulse: PulseServer, live: Performance, sink: str, source: str) -> bool:
    """Whether a part of what is played into a sink comes out of a source to the bit; the mixture is played."""
    sound = noise(3.0)
    recording = pulse.record_source(source)
    player = pulse.play(sink, sound)
    assert player.wait(SECONDS) == 0
    wait_until(lambda: np.abs(recording.so_far()).max(initial=0) > 0.1, "something is heard", SECONDS)
    wait_until(lambda: not recording.so_far()[-RATE // 2 :].any(), "it has passed", SECONDS)
    recorded = recording.stop()
    # A machine that is busy may drop some of it: any tenth of a second that is whole shows the way.
    parts = (sound[at : at + RATE // 10] for at in range(0, len(sound) - RATE // 10, RATE // 10))
    return any(find(recorded, part) >= 0 for part in parts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ends", "made", "sink", "source"),
    [
        (SINK, {"karaoke", "karaoke.monitor"}, "karaoke", "out.monitor"),
        (MICROPHONE, {"stage", "stage.stemd", "stage.stemd.monitor"}, "src", "stage"),
    ],
    ids=["sink", "microphone"],
)
def test_it_is_there_while_stemd_is_and_carries_sound_to_the_bit(
    pulse: PulseServer, ends: tuple[str, ...], made: set[str], sink: str, source: str
) -> None:
    before = there(pulse)
    with performing(pulse, "--clock", "same", "--no-limiter", ends=ends) as live:
        live.wait_until_it_plays()
        assert there(pulse) - before == made
        assert f"{min(made)}: choose it as" in live.said()
        assert heard(pulse, live, sink, source)
        assert live.end() == 0
        assert live.errors() == ""
    assert there(pulse) == before


@pytest.mark.slow
def test_what_a_killed_one_left_behind_is_taken_over_and_removed(pulse: PulseServer) -> None:
    with performing(pulse, ends=SINK) as killed:
        killed.wait_until_it_plays()
        killed.end(lambda: killed.process.send_signal(signal.SIGKILL))
    assert left_behind(pulse), "else this shows nothing"
    with performing(pulse, "--clock", "same", "--no-limiter", ends=SINK) as live:
        live.wait_until_it_plays()
        assert pulse.names("sinks").count("karaoke") == 1
        assert heard(pulse, live, "karaoke", "out.monitor")
        assert live.end() == 0
    assert not left_behind(pulse)


@pytest.mark.slow
def test_a_sound_server_that_is_started_anew_gets_it_again(pulse: PulseServer) -> None:
    with performing(pulse, "--clock", "same", "--no-limiter", ends=SINK) as live:
        live.wait_until_it_plays()
        pulse.restart()
        wait_until(lambda: "karaoke" in pulse.names("sinks"), "the sink is back", SECONDS)
        wait_until(lambda: heard(pulse, live, "karaoke", "out.monitor"), "and carries sound", SECONDS)
        assert live.end() == 0
    assert not left_behind(pulse)


def test_a_name_that_is_taken_is_refused_and_whose_it_is_keeps_it(pulse: PulseServer) -> None:
    for taken in ("out", "src"):
        status, text = complaint(pulse, ends=("--virtual-sink", taken, "--output", "pulse:out"))
        assert (status, text.count("\n")) == (1, 1)
        assert f"virtual:{taken}: there is a sink or a source of this name already; choose another name" in text
    assert {"out", "src"} <= there(pulse)


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, "a'b", "a=b"])
def test_a_name_that_no_sound_server_takes_is_refused(name: str) -> None:
    with pytest.raises(DeviceError, match="a name has 1 to 64 of"):
        Virtual(name, "input", RATE)


def test_a_device_cannot_be_both_named_and_made(pulse: PulseServer) -> None:
    status, text = complaint(pulse, ends=("--virtual-sink", "karaoke", "--input", "default"))
    assert (status, text) == (78, "stemd: --virtual-sink and --input say two things of one device: give one of them\n")


def test_two_processes_do_not_take_it_from_each_other(pulse: PulseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULSE_SERVER", "PULSE_CONFIG"):
        monkeypatch.setenv(name, pulse.env[name])
    mine = Virtual("karaoke", "input", RATE)
    assert mine.ensure() == mine.ensure() == "pulse:karaoke.monitor"
    with subprocess.Popen(["sleep", "60"]) as other:
        monkeypatch.setattr(os, "getpid", lambda: other.pid)
        with pytest.raises(DeviceError, match="already"):
            Virtual("karaoke", "input", RATE).ensure()
        Virtual("karaoke", "input", RATE).remove()
        assert "karaoke" in pulse.names("sinks"), "it is not this one's"
        monkeypatch.undo()
        for name in ("PULSE_SERVER", "PULSE_CONFIG"):
            monkeypatch.setenv(name, pulse.env[name])
        mine.remove()
        other.kill()
    assert not left_behind(pulse)
