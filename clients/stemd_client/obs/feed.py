"""A stem into a source of OBS, for as long as both are wanted: a thread with a connection of its own."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from stemd.audio import Float32Array
from stemd.errors import ConnectionLostError, StemdError
from stemd_client.client import Client
from stemd_client.obs.timeline import LEAD_NS, Timeline
from stemd_client.reconnecting import stay_connected
from stemd_client.subscription import StemBlock

Push = Callable[[Float32Array, int, int], None]

_LOOK: Final = 1.0  # seconds between two looks at the daemon's state
_RETRY: Final = 1.0
_PINGS: Final = 5
_CLOCK: Final = 60  # looks between two comparisons with the daemon's clock, from which another host's drifts away
DERIVED: Final = ("instrumental", "mix", "out")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be heard. Without an address the local daemon, without a stream the first one in real time."""

    address: str = ""
    stream: str = ""
    stem: str = "instrumental"


@dataclass(frozen=True, slots=True)
class FeedState:
    """How it stands, in words, and what there is to choose from."""

    text: str = "starting"
    streams: tuple[str, ...] = ()
    stems: tuple[str, ...] = DERIVED


class Feed:
    """Hears a stem, again whenever it was lost, and pushes it; from the making of it until `close`.

    Args:
        push: takes samples (channels, frames), their rate and the time in ns when they are due, in the feed's thread.
        wanted: what is to be heard first.
        gain: linear.
    """

    def __init__(self, push: Push, wanted: Wanted, gain: float = 1.0) -> None:
        self.state = FeedState()
        self.gain = gain  # taken up within a block, without a click
        self._push, self._wanted = push, wanted
        self._last_gain = gain
        self._streams: dict[str, dict[str, Any]] = {}
        self._offset_ns = 0  # the daemon's clock less this host's
        self._loop = asyncio.SelectorEventLoop()  # ZeroMQ cannot use the default one on Windows
        self._changed = asyncio.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="stemd-obs", daemon=True)
        self._thread.start()

    def want(self, wanted: Wanted) -> None:
        """Hear something else from now on."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._loop.call_soon_threadsafe(self._changed.set)

    def close(self) -> None:
        """Stop; nothing is pushed any more, and the thread has ended."""
        if self._thread.is_alive():
            self._over = True
            self._loop.call_soon_threadsafe(self._changed.set)
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        while not self._over:
            self._changed.clear()
            following = asyncio.create_task(self._follow(self._wanted))
            await self._changed.wait()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(self, wanted: Wanted) -> None:
        async def work(client: Client) -> None:
            await self._work(client, wanted)

        while True:
            try:
                await stay_connected(work, self._lost, wanted.address or None, "OBS")
            except Exception as error:  # whatever it is, sound comes back when it is over
                self._say(str(error) if isinstance(error, StemdError) else f"fault in the script: {error!r}")
                await asyncio.sleep(_RETRY)

    def _lost(self, error: ConnectionLostError) -> None:
        self._streams = {}
        self._say(str(error))

    async def _work(self, client: Client, wanted: Wanted) -> None:
        self._offset_ns = await _clock_offset(client)
        await self._look(client)
        looking = asyncio.create_task(self._keep_looking(client))
        try:
            while True:
                stream = wanted.stream or await self._first_stream()
                await self._hear(client, stream, wanted)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _keep_looking(self, client: Client) -> None:
        while True:
            for _ in range(_CLOCK):
                await asyncio.sleep(_LOOK)
                await self._look(client)
            self._offset_ns = await _clock_offset(client)

    async def _look(self, client: Client) -> None:
        state = await client.status()
        self._streams = {str(each.get("stream")): each for each in state.get("streams", ())}
        self._say(self.state.text)

    async def _first_stream(self) -> str:
        while True:
            for name, stream in self._streams.items():
                if stream.get("timing") == "realtime":
                    return name
            self._say("connected; no stream is open yet")
            await asyncio.sleep(_LOOK / 4)

    async def _hear(self, client: Client, name: str, wanted: Wanted) -> None:
        timeline, incarnation = Timeline(), ""
        async with client.subscribe(name, wanted.stem) as subscription:
            self._say(f"connected; waiting for {name}/{wanted.stem}")
            while True:
                try:
                    async with asyncio.timeout(_LOOK):
                        block = await subscription.take()
                except TimeoutError:
                    if not wanted.stream and name not in self._streams:
                        return
                    continue
                if block is None:
                    return
                if block.header.incarnation != incarnation:
                    incarnation = block.header.incarnation
                    await self._look(client)
                if self._streams.get(name, {}).get("timing") == "free":
                    self._say(f"stream {name!r} runs as fast as it can (timing free); OBS needs one in real time")
                    continue
                self._play(block, timeline)

    def _play(self, block: StemBlock, timeline: Timeline) -> None:
        header = block.header
        place = timeline.place(header, self._offset_ns)
        if place.missing:
            silence = np.zeros((header.channels, place.missing), np.float32)
            self._push(silence, header.rate, place.missing_ns)
        gain, before = self.gain, self._last_gain
        samples = block.samples.astype(np.float32, copy=False)
        if gain != before:
            samples = samples * np.linspace(before, gain, header.frames, dtype=np.float32)
        elif gain != 1:
            samples = samples * np.float32(gain)
        self._last_gain = gain
        self._push(samples, header.rate, place.due_ns)
        latency = 1000 * header.latency / header.rate
        self._say(
            f"playing {header.stream}/{header.stem} at {header.rate} Hz, latency {latency:.0f} ms and "
            f"{LEAD_NS / 1e6:.0f} ms for OBS, {header.dropped} blocks dropped"
        )

    def _say(self, text: str) -> None:
        stems = dict.fromkeys(stem for stream in self._streams.values() for stem in stream.get("stems", ()))
        self.state = FeedState(text, tuple(self._streams), tuple(stems) or DERIVED)


async def _clock_offset(client: Client) -> int:
    """The daemon's clock less this host's in ns; of the shortest round trip, which errs least. 0 on the same host."""
    if client.address.startswith("ipc:"):
        return 0
    pings = [await client.ping() for _ in range(_PINGS)]
    best = min(pings, key=lambda each: each.round_trip_ns)
    return best.offset_ns if abs(best.offset_ns) > best.round_trip_ns else 0
