"""`stemd measure`: how long sound takes from an output to an input, through a cable or through a stemd that runs."""

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from stemd.commands import running
from stemd.commands.live_config import device_latency
from stemd.commands.measure_view import Declared, Result, as_text
from stemd.devices.endpoints import DEFAULT
from stemd.devices.loop import Heard, Loop, open_loop, play_and_find
from stemd.devices.resolving import resolve
from stemd.dsp.levels import SILENCE_DB, decibels
from stemd.errors import ConfigError, DeviceError
from stemd_client.client import Client
from stemd_client.running import run as run_client

_LATENCY: Final = 0.02
_PATIENCE: Final = 3.0  # seconds until the first chirp must be heard, beside what a stemd declares
_MOST: Final = 1_000


def run(options: argparse.Namespace) -> int:
    """Print a latency; 0 if it could be measured.

    Raises:
        ConfigError: an argument cannot be used.
        DeviceError: a device cannot be had, or nothing was heard.
        StemdError: no stemd answers, or it plays nothing, or another stream.
    """
    if not 1 <= options.count <= _MOST:
        raise ConfigError(f"--count {options.count} is not between 1 and {_MOST}")
    if not SILENCE_DB < options.level <= 0:
        raise ConfigError(f"--level {options.level:g} is not between {SILENCE_DB:g} and 0 dBFS")
    latency = device_latency(options.device_latency) or _LATENCY
    through = bool(options.through or options.stream or options.address)
    declared = ask_daemon(options.address, options.stream) if through else None
    source, sink = resolve(options.input or DEFAULT, "input"), resolve(options.output or DEFAULT, "output")
    running.be_quick()
    patience = _PATIENCE + (declared.seconds if declared else 0.0)
    with open_loop(source, sink, options.rate, latency) as loop:
        heard = play_and_find(loop, options.count, 10 ** (options.level / 20), patience)
        if not heard:
            raise DeviceError(_nothing(loop, through=through))
        result = _result(loop, heard, options.count)
    if options.json:
        print(json.dumps({**asdict(result), "declared": asdict(declared) if declared else None}, indent=2))
    else:
        print(as_text(result, declared))
    return 0


def ask_daemon(address: str | None, stream: str | None) -> Declared:
    """What a stemd that runs says of its latency.

    Raises:
        ConnectionLostError: none answers.
        DeviceError: it plays on no device, or captures another stream.
    """
    client = Client(address, "stemd measure")
    return declared_of(run_client(_state(client)), stream)


async def _state(client: Client) -> dict[str, Any]:
    async with client:
        return await client.status()


def declared_of(state: dict[str, Any], stream: str | None) -> Declared:
    """The same, from a `status`."""
    devices = state.get("devices")
    if not devices or not devices["playback"]:
        raise DeviceError("the stemd that runs plays nothing on a device: start `stemd live`, or leave out --through")
    capture, playback = devices["capture"], devices["playback"]
    name = capture["stream"]
    if stream and stream != name:
        raise DeviceError(f"the stemd that runs captures the stream {name!r}, not {stream!r}")
    for end in (capture, playback):
        if end["trouble"]:
            raise DeviceError(f"the stemd that runs has no sound now: {end['trouble']}")
    [rate] = [each["rate"] for each in state["streams"] if each["stream"] == name]
    parts = {"stream": playback["delay"] / rate - sum(playback["parts"].values()), **playback["parts"]}
    reported = {"its input": capture["device_latency"] or 0.0}
    if playback["clock"] != "one device":  # else the one says both
        reported["its output"] = playback["device_latency"] or 0.0
    return Declared(name, capture["device"], playback["device"], playback["delay"] / rate, parts, reported)


def _result(loop: Loop, heard: Sequence[Heard], count: int) -> Result:
    times = [one.seconds for one in heard]
    reported = {"input": loop.capture.reported_latency, "output": loop.playback.reported_latency}
    return Result(
        played=count,
        heard=len(heard),
        rate=loop.capture.rate,
        median=statistics.median(times),
        least=min(times),
        most=max(times),
        level_db=decibels(statistics.median(abs(one.found.gain) for one in heard)),
        inverted=statistics.median(one.found.gain for one in heard) < 0,
        likeness=statistics.median(one.found.likeness for one in heard),
        xruns=loop.xruns,
        reported={"device": loop.capture.reported_latency} if loop.one else reported,
    )


def _nothing(loop: Loop, *, through: bool) -> str:
    peak = decibels(max((float(abs(samples).max()) for _, samples in loop.recording), default=0.0))
    if peak <= SILENCE_DB + 10:
        what, why = "nothing was heard: the input is silent", "is it the right input, is anything muted"
    else:
        what = f"the chirps were not heard: what came, {peak:.0f} dBFS at its peak, is not them"
        why = "is it the right cable or monitor, is the level too low (--level)"
    more = "does that stemd capture the device played to (`stemd status --json`), has it removed the chirps (key b)"
    return f"{what}; {why}, {more}?" if through else f"{what}; {why}?"
