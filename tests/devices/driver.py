"""What tests run in a process of its own, since ALSA and libpulse read their environment once: `driver.py WHAT JSON`.

It prints a JSON object a line, and ends when its standard input does.
"""

import asyncio
import json
import select
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stemd.devices.endpoints import feeds_itself, same_clock
from stemd.devices.keeper import Keeper
from stemd.devices.listing import rates_that_fit
from stemd.devices.portaudio import open_streams, refresh
from stemd.devices.ports import Capture, Duplex, Playback
from stemd.devices.resolving import resolve
from stemd.errors import DeviceError, StemdError


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def told_to_end(seconds: float = 0.0) -> bool:
    return bool(select.select([sys.stdin], [], [], seconds)[0]) and not sys.stdin.readline()


def noise(position: int, frames: int) -> npt.NDArray[np.float32]:
    """Samples (2, frames) that any position gives alike, and that are nowhere silent."""
    numbers = np.arange(position, position + frames, dtype=np.uint64)
    mixed = (numbers * np.uint64(2_654_435_761)) % np.uint64(2**32) >> np.uint64(9)
    left = (mixed.astype(np.float32) + 1) / np.float32(2**24)
    return np.stack([left, -left])


def resolving(names: list[tuple[str, Any]]) -> None:
    for name, direction in names:
        try:
            found = resolve(name, direction)
            counts = [found.inputs, found.outputs]
            say(name=found.name, pulse=found.pulse, rate=found.rate, counts=counts, monitor_of=found.monitor_of)
        except StemdError as exc:
            say(error=str(exc))


def pairing(pairs: list[tuple[str, str]]) -> None:
    for source, sink in pairs:
        ends = resolve(source, "input"), resolve(sink, "output")
        say(feeds_itself=feeds_itself(*ends), same_clock=same_clock(*ends), rates=rates_that_fit(ends[0], "input"))


def refusing(attempts: list[dict[str, Any]]) -> None:
    for attempt in attempts:
        try:
            endpoint = resolve(attempt.pop("name"), "input")
            endpoint = replace(endpoint, **attempt.pop("but", {}))
            Capture(endpoint, **attempt).open()
            say(error=None)
        except StemdError as exc:
            say(error=str(exc))


def capturing(name: str, file: str, **arguments: Any) -> None:
    port = Capture(resolve(name, "input"), **arguments)
    port.open()
    say(rate=port.rate, channels=port.channels, latency=port.reported_latency)
    position = holes = 0
    with open(file, "wb") as out:  # noqa: PTH123 - a raw file
        while not told_to_end(0.005):
            begin, samples = port.captured.read()
            holes += begin - position
            out.write(samples.T.tobytes())
            position = begin + samples.shape[1]
    port.close()
    say(holes=holes, lost=port.captured.lost, xruns=port.xruns, open=open_streams(), clock=port.clock)


def playing(name: str, cursor: int, frames: int, hole: tuple[int, int], **arguments: Any) -> None:
    """Play `noise` from `cursor` on, but for a hole."""
    port = Playback(resolve(name, "output"), **arguments)
    position, end = cursor, cursor + frames
    position += port.playing.write(position, noise(position, hole[0] - position))
    position = hole[1]
    port.follow(cursor)
    port.open()
    while not told_to_end(0.002):
        if position < end:
            position += port.playing.write(position, noise(position, min(4_800, end - position)))
        elif (port.playing.cursor or 0) >= end:
            break
    missing, underruns = port.playing.missing, port.playing.underruns
    say(xruns=port.xruns, late=port.playing.late, missing=missing, underruns=underruns)
    while not told_to_end(1.0):  # silence follows
        pass
    port.close()


def looping(source: str, sink: str, delay: int, seconds: float, **arguments: Any) -> None:
    """Play what is captured, `delay` frames later; judge it by what the callbacks were given and gave."""
    port = Duplex(resolve(source, "input"), resolve(sink, "output"), **arguments)
    came: list[npt.NDArray[np.float32]] = []
    went: list[npt.NDArray[np.float32]] = []
    inner = port._callback

    def tap(samples: Any, out: Any, frames: int, moment: Any, status: Any) -> None:
        came.append(samples.copy())
        inner(samples, out, frames, moment, status)
        went.append(out.copy())

    port._callback = tap  # type: ignore[method-assign]
    port.follow(delay)
    port.open()
    say(rate=port.rate)
    while port.frames < seconds * port.rate:
        position, samples = port.captured.read()
        port.playing.write(position, samples)
        if told_to_end(0.002):
            break
    port.close()
    heard, played = np.concatenate(came), np.concatenate(went)
    should = np.concatenate([np.zeros((delay, 2), np.float32), heard])[: len(played)]
    moved = int(np.count_nonzero((played != 0) & (played != should)))
    exact = bool(np.array_equal(played, should))
    counts = {"missing": port.playing.missing, "late": port.playing.late, "lost": port.captured.lost}
    say(
        frames=len(heard),
        sound=int(np.count_nonzero(heard[:, 0])),
        exact=exact,
        moved=moved,
        xruns=port.xruns,
        **counts,
    )


def keeping(name: str, anew: bool = False) -> None:
    asyncio.run(_keeping(name, anew))


async def _keeping(name: str, anew: bool) -> None:
    def lost(error: DeviceError) -> None:
        say(event="lost", error=str(error))

    keeper = Keeper(lambda: Capture(resolve(name, "input")), lambda _: say(event="opened"), lost, back_off=(0.2,))
    await keeper.start()
    told = False
    while not await asyncio.to_thread(told_to_end, 0.02):
        if keeper.port is None:
            told = False
            if anew and refresh():  # as if the device had come after PortAudio's start
                anew = False
                say(event="refreshed")
        elif not told and keeper.port.captured.read()[1].any():
            say(event="flowing")
            told = True
    before = time.monotonic()
    await keeper.stop()
    say(event="stopped", seconds=time.monotonic() - before, open=open_streams())


if __name__ == "__main__":
    arguments = json.loads(sys.argv[2])
    function = globals()[sys.argv[1]]
    if isinstance(arguments, dict):
        function(**arguments)
    else:
        function(arguments)
