"""What `stemd stream`, `stemd listen` and `stemd status` do; the arguments are read elsewhere.

Faults are raised as StemdError, one line each, for the caller to print.
"""

import asyncio
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stemd.audio import Format
from stemd.errors import ConfigError
from stemd.protocol import MAX_BLOCK, Delivery, Plan, Timing
from stemd_client.client import Client
from stemd_client.clock import RoundTrip
from stemd_client.playing import FileSource, Progress, clock_time, play
from stemd_client.running import run
from stemd_client.sinks import DeviceSink, FileSink, Sink
from stemd_client.stream import Stream
from stemd_client.tables import mixer_as_text, state_as_text
from stemd_client.tally import Tally

_INTERRUPTED: Final = 130


def stream_file(
    path: Path,
    name: str,
    address: str | None,
    *,
    timing: Timing = "realtime",
    plan: Plan | str | None = None,
    model: str | None = None,
    block_ms: float = 20.0,
) -> int:
    """Play a file through a running daemon; the exit status (130 after Ctrl-C).

    Raises:
        StemdError: in one line what is wrong with file, daemon, plan or model.
    """
    with FileSource(path) as source:
        block = round(block_ms * source.rate / 1000)
        if not 1 <= block <= MAX_BLOCK:
            raise ConfigError(f"blocks of {block_ms:g} ms are {block} frames here, not 1 to {MAX_BLOCK}")
        progress = Progress(path.name, source.rate, source.frames)
        client = Client(address, f"stemd stream {path.name}")
        stream = client.open(
            name, rate=source.rate, channels=source.channels, block=block, timing=timing, plan=plan, model=model
        )
        try:
            unusable = run(_play(client, stream, source, block, progress))
        except KeyboardInterrupt:
            _say(f"stopped at {clock_time(stream.position / source.rate)}")
            return _INTERRUPTED
        _say(
            f"{path.name}: {clock_time(stream.position / source.rate)} played, {stream.dropped} frames dropped, "
            f"{stream.refused + unusable} blocks refused"
        )
        for fault in stream.faults:
            _say(f"  {fault}")
    return 0


async def _play(client: Client, stream: Stream, source: FileSource, block: int, progress: Progress) -> int:
    paced = stream.timing == "realtime"
    async with client, stream:
        opened = stream.opened
        _say(
            f"stream {opened.stream}: {source.rate} Hz, {source.channels} channels, model {opened.model}, latency "
            f"{1000 * opened.latency / source.rate:.0f} ms, stems {', '.join(opened.stems)}"
        )
        try:
            return await play(source, stream, block, paced=paced, shown=progress)
        except asyncio.CancelledError:
            _say("\nstopping when the last block is out; Ctrl-C again to stop now")
            await stream.close()
            raise
        finally:
            progress.end()


def listen(
    stream: str,
    stem: str,
    address: str | None,
    *,
    output: Path | None = None,
    fmt: Format = "f32le",
    delivery: Delivery = "live",
    force: bool = False,
) -> int:
    """Write a stem to a file, or play it, until the stream ends or Ctrl-C; 1 if the stream was cut off.

    Raises:
        StemdError: in one line what is wrong with file, sound device, daemon or stem.
    """
    sink: Sink = FileSink(output, fmt, force=force) if output else DeviceSink()
    tallies: list[Tally] = []
    try:
        with sink:
            client = Client(address, f"stemd listen {stream}/{stem}")
            cut = run(_listen(client, stream, stem, fmt, delivery, sink, tallies))
    except KeyboardInterrupt:
        cut = False
        _say("")
    finally:
        for tally in tallies:
            _say(f"{tally.summary()}\n{sink.summary()}")
    if cut:
        _say(f"stream {stream} was cut off; its end is missing")
    return int(cut)


async def _listen(
    client: Client, stream: str, stem: str, fmt: Format, delivery: Delivery, sink: Sink, tallies: list[Tally]
) -> bool:
    async with client, client.subscribe(stream, stem, format=fmt, delivery=delivery, credit=32) as heard:
        tally = Tally(await _clock(client))
        tallies.append(tally)
        if heard.position is None:
            _say(f"waiting for stream {stream}")
        async for block in heard:
            tally.take(block)
            await sink.take(block)
        if heard.end is None:
            return False
        tally.finish(heard.end)
        await sink.finish(heard.end)
        return "cut" in heard.end.flags


async def _clock(client: Client) -> RoundTrip | None:
    """Over TCP the daemon may be on another host; the shortest of a few round trips tells best."""
    if client.address.startswith("ipc:"):
        return None
    trips = [await client.ping() for _ in range(8)]
    return min(trips, key=lambda trip: trip.round_trip_ns)


def status(address: str | None, *, as_json: bool = False) -> int:
    """Print what a running daemon does.

    Raises:
        ConnectionLostError: there is none.
    """
    client = Client(address, "stemd status")
    state = run(_status(client))
    print(json.dumps(state, indent=2) if as_json else state_as_text(state, client.address))
    return 0


@dataclasses.dataclass(frozen=True, slots=True)
class MixerControls:
    """What `set_gain` and `set_mixer` take; None leaves a control where it is."""

    gains: Mapping[str, float]

    mute: Sequence[str] | None
    solo: Sequence[str] | None
    wet: float | None
    bypass: bool | None


def mix(stream: str, controls: MixerControls, address: str | None, *, as_json: bool = False) -> int:
    """Move controls of a stream's `out`, and print where they stand.

    Raises:
        StemdError: there is no daemon, no such stream, or no such stem.
    """
    client = Client(address, "stemd mix")
    stand = run(_mix(client, stream, controls))
    print(json.dumps(stand, indent=2) if as_json else mixer_as_text(stream, stand))
    return 0


async def _mix(client: Client, stream: str, controls: MixerControls) -> dict[str, Any]:
    async with client:
        if controls.gains:
            await client.set_gain(stream, **controls.gains)
        done = await client.set_mixer(
            stream, mute=controls.mute, solo=controls.solo, wet=controls.wet, bypass=controls.bypass
        )
    return dataclasses.asdict(done)


async def _status(client: Client) -> dict[str, Any]:
    async with client:
        return await client.status()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
