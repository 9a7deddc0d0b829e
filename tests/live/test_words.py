"""What the arguments come to, what keys do, and how the line looks: without a sound device."""

import argparse
import math
from pathlib import Path
from typing import Any

import pytest

from stemd import cli
from stemd.commands import live_view
from stemd.commands.gains import parse_gain
from stemd.commands.live_config import configured, device_latency
from stemd.commands.live_keys import press, removed_by_v
from stemd.commands.live_view import Snapshot, changed, line, snapshot
from stemd.commands.measure import declared_of
from stemd.commands.measure_view import Result, as_text
from stemd.config import Config, Plan
from stemd.errors import ConfigError, DeviceError

CONTROLS: dict[str, Any] = {"gains": {}, "mute": ("vocals",), "solo": (), "wet": 1.0, "bypass": False}


def parsed(*arguments: str) -> argparse.Namespace:
    return cli._parser().parse_args(["live", *arguments])


def test_without_arguments_the_default_devices_are_used_with_the_plan_that_fits() -> None:
    config = configured(parsed())
    assert (config.capture.device, config.playback.device) == ("default", "default")
    assert (config.capture.plan, config.capture.stream) == ("auto", "live")
    assert config.mixer == Config().mixer


def test_arguments_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "stage.toml"
    file.write_text(
        '[capture]\ndevice = "mic"\nrate = 96000\nplan = "fast"\n[playback]\nhold = 0.02\n[mixer]\nwet = 0.5\n'
    )
    config = configured(parsed("--config", str(file), "--rate", "48000", "--remove", "vocals", "--gain", "rest=-6dB"))
    assert (config.capture.device, config.capture.rate, config.capture.plan) == ("mic", 48_000, "fast")
    assert (config.playback.device, config.playback.hold) == ("default", 0.02)
    assert (config.mixer.mute, config.mixer.wet) == (("vocals",), 0.5)
    assert config.mixer.gains == {"rest": pytest.approx(0.501, abs=0.001)}


def test_every_argument_has_its_place() -> None:
    texts = "--input a --output b --only vocals --only drums --wet 0.25 --model m --name n --no-limiter --clock own"
    config = configured(parsed(*texts.split(), "--device-latency", "10ms", "--plan", "65536,8192,0,2048"))
    assert (config.capture.device, config.playback.device, config.capture.stream) == ("a", "b", "n")
    assert (config.mixer.solo, config.mixer.wet) == (("vocals", "drums"), 0.25)
    assert (config.models.default, config.capture.model) == ("m", "m")
    assert (config.playback.limiter, config.playback.clock) == (False, "own")
    assert config.capture.latency == config.playback.latency == 0.01
    assert config.plans[config.capture.plan] == Plan(segment=65_536, hop=8_192, overlap=0, lookahead=2_048)


@pytest.mark.parametrize(
    ("text", "gain"),
    [("-12dB", 0.2512), ("0.25", 0.25), ("-inf", 0.0), ("-infdB", 0.0), ("+18 dB", 7.943), ("0", 0.0), ("8", 8.0)],
)
def test_gains_as_people_write_them(text: str, gain: float) -> None:
    assert parse_gain(text) == pytest.approx(gain, abs=1e-3)


@pytest.mark.parametrize("text", ["18.1dB", "8.01", "-1", "loud", "", "nan", "inf", "infdB"])
def test_gains_that_cannot_be(text: str) -> None:
    with pytest.raises(ConfigError, match="gain"):
        parse_gain(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--wet", "2"],
        ["--name", "a b"],
        ["--gain", "vocals"],
        ["--plan", "1,2,3"],
        ["--plan", "9,9,9,9"],
        ["--device-latency", "soon"],
        ["--device-latency", "9"],
        ["--address", "nowhere"],
        ["--rate", "1000000"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_a_configuration_error_of_one_line(arguments: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        configured(parsed(*arguments))
    assert "\n" not in str(refused.value)


def test_device_latencies_as_people_write_them() -> None:
    texts = ("low", "high", "0.02", "20ms", "0.02s", None)
    assert [device_latency(text) for text in texts] == ["low", "high", 0.02, 0.02, 0.02, None]


def test_what_the_keys_do() -> None:
    def change(key: str, **controls: Any) -> dict[str, Any]:
        done = press(key, {**CONTROLS, **controls}, ("vocals",))
        assert done
        return dict(done.change)

    assert change("b") == {"bypass": True}
    assert change("b", bypass=True) == {"bypass": False}
    for key in "p ":
        for bypass in (False, True):
            assert change(key, bypass=bypass) == {"bypass": True}, "panic never ends it"
    assert change("v") == {"mute": ()}
    assert change("v", mute=("drums",)) == {"mute": ("drums", "vocals")}
    assert change("-") == {"wet": 0.9}
    assert change("+", wet=0.95) == {"wet": 1.0}
    assert change("-", wet=0.05) == {"wet": 0.0}
    assert press("x", CONTROLS, ("vocals",)) is None
    quitting = press("q", CONTROLS, ("vocals",))
    assert quitting
    assert quitting.quit
    assert removed_by_v(()) == ("vocals",)
    assert removed_by_v(("drums", "bass")) == ("drums", "bass")


def seen(**changes: Any) -> Snapshot:
    stream = {"rate": 48_000, "latency": 4_800, "load": 0.3, "degraded": 0, "gaps": 0, **CONTROLS}
    capture = {"trouble": None, "xruns": 0, "lost": 0}
    playback = {"trouble": None, "delay": 9_600, "clock": "same", "drift_ppm": None, "underruns": 0}
    for table in (stream, capture, playback):
        table.update({name: value for name, value in changes.items() if name in table})
    devices = {"capture": capture, "playback": playback}
    return snapshot((0.5, 0.0), devices, stream, panic=changes.get("panic", False))


def test_the_line() -> None:
    assert line(seen()) == (
        "in █████████·  -6.0 dB  out ··········  -inf dB  200 ms  load 0.30  without vocals  no faults"
    )
    assert line(seen(bypass=True)).startswith("BYPASS  in")
    assert line(seen(bypass=True, panic=True)).startswith("PANIC")
    assert line(seen(trouble="gone")).startswith("INPUT LOST  OUTPUT LOST")
    assert line(seen(clock="own")).startswith("measuring the clocks")
    assert line(seen(clock="own", drift_ppm=-12.4)).endswith("drift -12 ppm  no faults")
    assert line(seen(underruns=3, degraded=2)).endswith("degraded 2, underruns 3")
    assert "wet 50 %" in line(seen(wet=0.5))
    assert len(line(seen(), width=40)) == 40


def test_troubles_are_loud_while_they_go_on() -> None:
    assert changed(None, seen(gaps=3)) == ()
    assert changed(seen(gaps=3), seen(gaps=3)) == ()
    assert changed(seen(), seen(gaps=1, degraded=1)) == ("DRY: the network is late", "GAP")


def test_where_the_knobs_stand_is_said() -> None:
    mixer = {**CONTROLS, "gains": {"vocals": 0.5, "rest": 0.0, "drums": 1.0}, "wet": 0.8}
    told = "\n".join(live_view.controls(mixer, ("vocals",), keys=True))
    for words in ("without vocals", "vocals -6.0 dB", "rest -inf dB", "wet 80 %", "p or space panic", "v vocals"):
        assert words in told
    assert "drums" not in told
    assert "keys" not in "\n".join(live_view.controls(mixer, (), keys=False))


def daemon() -> dict[str, Any]:
    playback = {"device": "out", "trouble": None, "delay": 9_600, "parts": {"hold": 0.01}, "clock": "same"}
    capture = {"device": "in", "trouble": None, "stream": "live", "device_latency": 0.02}
    devices = {"capture": capture, "playback": {**playback, "device_latency": 0.03}}
    return {"streams": [{"stream": "live", "rate": 48_000}], "devices": devices}


def test_what_a_daemon_declares_adds_up() -> None:
    declared = declared_of(daemon(), "live")
    assert declared.seconds == 0.2
    assert math.isclose(sum(declared.parts.values()), 0.2)
    assert declared.reported == {"its input": 0.02, "its output": 0.03}
    result = Result(20, 19, 48_000, 0.29, 0.2895, 0.2905, -6.0, True, 0.97, 0, {"input": 0.01, "output": 0.01})
    told = as_text(result, declared)
    for words in ("290.00 ms (13920 frames)", "1.00 ms (48 frames)", "19 of 20", "inverted", "200.00 ms by stemd"):
        assert words in told
    assert "left over   20.00 ms: converters" in told


def test_what_a_daemon_cannot_be_measured_for_is_said() -> None:
    with pytest.raises(DeviceError, match="captures the stream 'live', not 'desk'"):
        declared_of(daemon(), "desk")
    with pytest.raises(DeviceError, match="plays nothing"):
        declared_of({"devices": None}, None)
