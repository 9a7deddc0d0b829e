"""What a name means, and what two devices have to do with each other."""

from dataclasses import replace

import pytest

from stemd.devices.endpoints import Endpoint, feeds_itself, same_clock
from tests.devices.process import ask
from tests.devices.pulse import PulseServer

CARD = Endpoint("USB Audio: - (hw:1,0)", 3, 2, 2, 48_000, "ALSA")
MONITOR = Endpoint("pulse:a.monitor", 0, 2, 0, 48_000, "ALSA", pulse="a.monitor", monitor_of="a")
SINK = Endpoint("pulse:a", 0, 0, 2, 48_000, "ALSA", pulse="a")


def test_an_input_that_hears_the_output_is_found_out() -> None:
    assert feeds_itself(MONITOR, SINK)
    assert not feeds_itself(MONITOR, replace(SINK, pulse="b"))
    assert not feeds_itself(CARD, CARD)
    assert not feeds_itself(CARD, SINK)
    assert not feeds_itself(replace(MONITOR, monitor_of=None), SINK)


def test_only_what_cannot_drift_has_the_same_clock() -> None:
    assert same_clock(MONITOR, SINK)
    assert not same_clock(MONITOR, replace(SINK, pulse="b"))
    assert same_clock(CARD, CARD)
    assert not same_clock(CARD, replace(CARD, index=4))
    assert not same_clock(CARD, SINK)
    any_of_them = replace(CARD, name="default")
    assert not same_clock(any_of_them, any_of_them)
    jack = replace(CARD, name="system", host_api="JACK Audio Connection Kit")
    assert same_clock(jack, replace(jack, index=9))
    both = replace(CARD, name="Scarlett 2i2", host_api="Core Audio")
    assert same_clock(both, both)


def test_only_a_name_of_pulseaudio_is_led_there_by_the_environment() -> None:
    assert MONITOR.environment == {"PULSE_SOURCE": "a.monitor"}
    assert SINK.environment == {"PULSE_SINK": "a"}
    assert replace(MONITOR, name="system").environment == {"PULSE_SOURCE": "a.monitor"}
    assert replace(SINK, name="default").environment == {}
    assert CARD.environment == {}


@pytest.mark.needs("portaudio", "pulseaudio")
def test_names_and_what_they_mean(pulse: PulseServer) -> None:
    def node(name: str, source: str, rate: int, monitor_of: str) -> dict[str, object]:
        return {"name": name, "pulse": source, "rate": rate, "counts": [2, 0], "monitor_of": monitor_of}

    sink = {"name": "pulse:out", "pulse": "out", "rate": 48_000, "counts": [0, 2], "monitor_of": None}
    questions = {
        ("system", "input"): node("system", "speakers.monitor", 48_000, "speakers"),
        ("pulse:cd.monitor", "input"): node("pulse:cd.monitor", "cd.monitor", 44_100, "cd"),
        ("CD.mon", "input"): node("pulse:cd.monitor", "cd.monitor", 44_100, "cd"),
        ("", "input"): node("default", "speakers.monitor", 48_000, "speakers"),
        ("pulse:out", "output"): sink,
        ("default", "output"): {**sink, "name": "default", "pulse": "speakers"},
    }
    assert ask(pulse.env, "resolving", list(questions)) == list(questions.values())


@pytest.mark.needs("portaudio", "pulseaudio")
def test_names_that_mean_nothing_say_what_was_meant(pulse: PulseServer) -> None:
    questions = {
        ("pulse:spaekers", "output"): "no output device 'pulse:spaekers' (did you mean 'pulse:speakers'?); `stemd dev",
        ("Scarlett", "input"): "there is no input device 'Scarlett' (known: default, pulse, pulse:cd.monitor",
        ("monitor", "input"): "'monitor' fits several input devices (pulse:speakers.monitor, ALSA (Monitor of Null",
        ("system", "output"): "'system' is an input: what this machine plays; the default output is 'default'",
        ("pulse:cd", "input"): "'pulse:cd' is an output, not an input; `stemd devices` lists them",
        ("99", "output"): "there is no output device '99'",
    }
    for answer, part in zip(ask(pulse.env, "resolving", list(questions)), questions.values(), strict=True):
        assert part in answer["error"]


@pytest.mark.needs("portaudio", "pulseaudio")
def test_pairs_of_names(pulse: PulseServer) -> None:
    pairs = [("system", "default"), ("system", "pulse:speakers"), ("system", "pulse:out"), ("pulse:cd.monitor", "")]
    answers = ask(pulse.env, "pairing", pairs)
    assert [answer["feeds_itself"] for answer in answers] == [True, True, False, False]
    assert [answer["same_clock"] for answer in answers] == [True, True, False, False]
    assert [answer["rates"] for answer in answers] == [[48_000], [48_000], [48_000], [44_100]]


@pytest.mark.needs("portaudio", "pulseaudio")
def test_without_a_sound_server_names_of_it_say_so(pulse: PulseServer) -> None:
    nowhere = {**pulse.env, "PULSE_SERVER": "unix:/nowhere"}
    questions = {
        ("pulse:out", "output"): "no PulseAudio or PipeWire server answers; is one running? `pactl info` tells",
        ("system", "input"): "no PulseAudio or PipeWire server answers",
        ("Scarlett", "input"): "there is no input device 'Scarlett'; this machine has no input device at all",
        ("", "output"): "there is no default output device",
    }
    for answer, part in zip(ask(nowhere, "resolving", list(questions)), questions.values(), strict=True):
        assert part in answer["error"]
