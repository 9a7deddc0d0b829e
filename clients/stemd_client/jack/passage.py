"""One stream from JACK through the daemon and back, as long as it lives."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from stemd.audio import Float32Array
from stemd.errors import BlockError, ConnectionLostError, StemdError
from stemd.protocol import Delivery, Opened, Plan, Timing
from stemd_client.client import Client
from stemd_client.jack.engine import Engine, Voice
from stemd_client.jack.latency import gathered
from stemd_client.jack.places import Places
from stemd_client.stream import Stream
from stemd_client.subscription import StemBlock

_SOON: Final = 0.001  # seconds to the next look, where something is later than expected
_LINGER: Final = 3.0  # seconds that a stem goes on after the last connection to its ports
_LOOK: Final = 0.25  # seconds between two looks at what is connected
_FADE: Final = 0.01  # seconds in which a stem that joins comes in
_CREDIT: Final = 128


@dataclass(frozen=True, slots=True)
class Terms:
    """How a stream is opened; see `Client.open`."""

    name: str
    rate: int
    timing: Timing
    plan: Plan | str | None
    model: str | None


@dataclass(slots=True)
class Counts:
    """What went wrong, of all streams together.

    Attributes:
        streams: that were opened.
        broken: blocks with NaN or infinity, which became gaps.
        skipped: frames that the daemon did not wait for.
        stalls: times when JACK stood still so long that the daemon went on without it.
        degraded: stem blocks that are not the network's.
    """

    streams: int = 0
    broken: int = 0
    skipped: int = 0
    stalls: int = 0
    degraded: int = 0


class Passage:
    """See the module.

    Attributes:
        peak: the loudest sample that came in since it was last asked for, linear.

    Args:
        engine: JACK's side.
        terms: of the stream.
        counts: what to count in.
    """

    def __init__(self, engine: Engine, terms: Terms, counts: Counts) -> None:
        self._engine, self._terms, self._counts = engine, terms, counts
        self._places = Places()
        self._fed = 0  # frames of JACK before this one were sent, or will not be
        self._block = gathered(engine.period, terms.rate)
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._joined: set[str] = set()
        self._begun = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()
        self._idle: dict[str, float] = {}
        self.peak = 0.0

    def stream(self, client: Client) -> Stream:
        """The stream, to be entered."""
        terms = self._terms
        return client.open(
            terms.name, rate=terms.rate, block=self._block, timing=terms.timing, plan=terms.plan, model=terms.model
        )

    async def run(self, client: Client, stream: Stream) -> None:
        """Feed and listen until the stream ends, by a fault or by being cancelled.

        Raises:
            StemdError: the daemon's, or ConnectionLostError.
        """
        self._counts.streams += 1
        feeding = asyncio.create_task(self._feed(stream))
        try:
            while True:
                self._see_to_listeners(client, stream.opened)
                done, _ = await asyncio.wait(
                    {feeding, *self._listening.values()}, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    task.result()
                if done:  # a listener ended without a fault: the daemon ended the stream
                    raise ConnectionLostError(f"the daemon has ended stream {stream.name!r}")
        finally:
            tasks = [feeding, *self._listening.values(), *self._leaving]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(self, stream: Stream) -> None:
        ring, live = self._engine.captured, self._terms.timing == "realtime"
        await self._begun.wait()  # else those who listen from the beginning would miss the first frames
        while ring.filled:  # from before the stream
            ring.read()
        if not live:
            self._engine.ready = ring.position
        while True:
            if ring.filled < self._block:
                await asyncio.sleep(self._until_filled())
                continue
            frame, samples = ring.read(self._block if live else None)
            if samples.shape[1]:
                await self._send(stream, frame, samples)

    def _until_filled(self) -> float:
        """Seconds until the callback will have brought a whole block."""
        engine, rate = self._engine, self._terms.rate
        if engine.freewheeling:
            return _SOON
        calls = -(-(self._block - engine.captured.filled) // engine.period)
        due_ns = engine.called_ns + calls * engine.period * 1_000_000_000 // rate
        return max(_SOON, (due_ns - time.monotonic_ns()) / 1e9)

    async def _send(self, stream: Stream, frame: int, samples: Float32Array) -> None:
        """Send frames (channels, n) that JACK captured from `frame` on, at the positions where they belong."""
        if not self._places.begun:
            self._places.begin(0, frame)
        samples, frame = self._in_time(stream, samples, frame)
        if not samples.shape[1]:
            return
        missing = self._places.position(frame) - stream.position
        if missing:
            await stream.gap(missing)
        self._fed = frame + samples.shape[1]
        try:
            await stream.send(samples, source_ns=None)
            self.peak = max(self.peak, float(np.abs(samples).max()))
        except BlockError:
            self._counts.broken += 1
            await stream.gap(samples.shape[1])

    def _in_time(self, stream: Stream, samples: Float32Array, frame: int) -> tuple[Float32Array, int]:
        """What of the frames still can be sent, where the daemon went on in silence without them."""
        over = stream.position - self._places.position(frame)
        if over <= 0:
            return samples, frame
        newest = self._places.position(self._engine.captured.position)
        if stream.position - newest > 2 * self._block:
            # Not these frames are late: JACK itself has stood still, and will not catch up.
            self._counts.stalls += 1
            self._places.begin(stream.position, frame, self._places.position(self._fed))
            return samples, frame
        over = min(over, samples.shape[1])
        self._counts.skipped += over
        return samples[:, over:], frame + over

    def _begin(self) -> None:
        """Let the first frames go, if everybody is there."""
        if self._joined.issuperset(self._listening):
            self._begun.set()

    def _see_to_listeners(self, client: Client, opened: Opened) -> None:
        """Listen to the stems that are connected, and no longer to those that have not been for a while."""
        now = time.monotonic()
        for voice in self._engine.voices:
            if voice.stem not in opened.stems:  # a daemon before had it
                voice.leave()
                continue
            if voice.asked_for():
                self._idle.pop(voice.stem, None)
                if voice.stem not in self._listening:
                    voice.wanted = True
                    self._listening[voice.stem] = asyncio.create_task(self._listen(client, voice))
            elif voice.stem not in self._listening:
                voice.leave()
            elif now > self._idle.setdefault(voice.stem, now) + _LINGER:
                leaving = self._listening.pop(voice.stem)
                leaving.cancel()
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
                self._joined.discard(voice.stem)
                voice.leave()
        self._begin()

    async def _listen(self, client: Client, voice: Voice) -> None:
        live = self._terms.timing == "realtime"
        delivery: Delivery = "live" if live else "lossless"
        async with client.subscribe(self._terms.name, voice.stem, delivery=delivery, credit=_CREDIT) as heard:
            self._joined.add(voice.stem)
            self._begin()
            first = True
            async for block in heard:
                samples = _float(block)
                if first and live:
                    ramp = min(samples.shape[1], round(_FADE * self._terms.rate))
                    samples[:, :ramp] *= np.arange(1, ramp + 1, dtype=np.float32) / np.float32(ramp)
                await self._play(voice, block, samples, first=first)
                first = False

    async def _play(self, voice: Voice, block: StemBlock, samples: Float32Array, *, first: bool) -> None:
        self._counts.degraded += "degraded" in block.header.flags
        voice.peak = max(voice.peak, float(np.abs(samples).max(initial=0.0)))
        for part, frame in self._places.frames(block.header.position, block.header.frames):
            if first:
                voice.expect(frame)
                first = False
            await self._put(voice, frame, samples[:, part])

    async def _put(self, voice: Voice, frame: int, samples: Float32Array) -> None:
        """Wait where a stem is far ahead of JACK, which stands still or freewheels."""
        while (taken := voice.put(frame, samples)) < samples.shape[1]:
            frame, samples = frame + taken, samples[:, taken:]
            await asyncio.sleep(_SOON)


def _float(block: StemBlock) -> Float32Array:
    samples = block.samples
    if samples.dtype != np.float32:
        raise StemdError(f"stem {block.header.stem!r} came as {samples.dtype}, not as asked for")
    return samples  # type: ignore[return-value]
