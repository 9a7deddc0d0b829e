"""`stemd devices`."""

import json
import subprocess
import sys

import pytest

from tests.devices.pulse import PulseServer

pytestmark = pytest.mark.needs("portaudio", "pulseaudio")

CODE = """
import argparse, sys
from stemd.commands.devices import run
sys.exit(run(argparse.Namespace(json=sys.argv[1] == "json")))
"""


def devices(env: dict[str, str], form: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", CODE, form]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=30)


def test_the_table_has_every_sink_and_source_as_one_types_it(pulse: PulseServer) -> None:
    done = devices(pulse.env, "table")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    inputs, _, outputs = done.stdout.partition("Outputs\n")
    lines = [line.split() for line in inputs.splitlines()]
    assert ["pulse:cd.monitor", "2", "44100", "any,", "resampled", "ALSA", "what", "cd", "plays"] in lines
    assert ["system", "2", "48000", "any,", "resampled", "ALSA", "what", "speakers", "plays"] in lines
    lines = [line.split() for line in outputs.splitlines()]
    assert ["pulse:speakers", "2", "48000", "any,", "resampled", "ALSA", "default"] in lines
    assert ["pulse:out", "2", "48000", "any,", "resampled", "ALSA"] in lines
    assert "  pulse:out.monitor and pulse:out\n" in outputs
    assert outputs.endswith("For example: stemd live --input system --output pulse:src --remove vocals\n")


def test_the_same_for_scripts(pulse: PulseServer) -> None:
    done = devices(pulse.env, "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {"pulse:speakers", "pulse:src", "pulse:out", "pulse:cd"} <= {row["name"] for row in told["outputs"]}
    cd = next(row for row in told["inputs"] if row["name"] == "pulse:cd.monitor")
    assert (cd["rate"], cd["channels"], cd["monitor_of"], cd["default"]) == (44_100, 2, "cd", False)
    assert ["pulse:cd.monitor", "pulse:cd"] in told["same_clock"]


def test_no_device_at_all_says_so(pulse: PulseServer) -> None:
    done = devices({**pulse.env, "PULSE_SERVER": "unix:/nowhere"}, "table")
    assert done.returncode == 1, done.stderr
    assert "There is no sound device at all. Plug one in, or start PulseAudio or PipeWire" in done.stdout
    assert "For example" not in done.stdout
