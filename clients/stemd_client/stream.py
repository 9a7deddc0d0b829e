"""A stream that this client feeds."""

import asyncio
import dataclasses
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final

import numpy as np

from stemd.audio import Float32Array, Format, Int16Array, dequantise, encode_pcm
from stemd.errors import (
    BlockError,
    ProtocolError,
    StemdError,
    StreamClosed,
    StreamError,
    StreamExistsError,
    UnknownStreamError,
)
from stemd.protocol import Close, Closed, GainSet, MixerSet, Mixture, Open, Opened, SetGain, SetMixer, Timing
from stemd_client.connection import Connection, again
from stemd_client.inbox import Inbox

_PATIENCE: Final = 0.5  # seconds for `closed` where the block was left by an exception
_RETRY: Final = 0.005


class Stream:
    """A stream, open inside `async with client.open(...) as stream`; leaving the block closes it.

    Leaving waits for the last stem block to go out; leaving by an exception waits half a second at most.

    Attributes:
        position: the next frame to be sent, counted from the stream's start; a pause of a realtime source moves it on.
        dropped: frames that were not sent because the daemon did not read (realtime streams only; a gap there).
        refused: blocks that the daemon refused; each became a gap.
        skipped: frames that were not sent in time, so that a realtime stream went on without them (a gap).
        faults: the last sixteen texts of faults that the stream survived, refused blocks and others.
    """

    def __init__(self, connection: Connection, inbox: Inbox, request: Open):
        self._connection = connection
        self._inbox = inbox
        self._request = request
        self._opened: Opened | None = None
        self._closed: Closed | None = None
        self._fault: StemdError | None = None
        self._until = 0
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self.position = 0
        self.dropped = 0
        self.refused = 0
        self.skipped = 0
        self.faults: deque[str] = deque(maxlen=16)

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._request.stream

    @property
    def timing(self) -> Timing:
        """`realtime` or `free`."""
        return self._request.timing

    @property
    def opened(self) -> Opened:
        """The daemon's answer: latency (frames), plan, model, stems."""
        if self._opened is None:
            raise RuntimeError("the stream is not open yet: async with client.open(...) as stream")
        return self._opened

    async def __aenter__(self) -> "Stream":
        if self.name in self._inbox.streams:
            raise StreamExistsError(f"this client has stream {self.name!r} open already")
        self._inbox.streams[self.name] = self
        try:
            request = dataclasses.replace(self._request, request=self._connection.number())
            self._opened = await self._connection.request(request, Opened)
            self._until = max(self._until, self._opened.until or 0)
        except BaseException:
            del self._inbox.streams[self.name]
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.close()
            elif self._closed is None:
                with suppress(StemdError, TimeoutError):
                    async with asyncio.timeout(_PATIENCE):
                        await self.close()
        finally:
            self._inbox.streams.pop(self.name, None)

    async def send(self, block: Float32Array | Int16Array, source_ns: int | None = None) -> None:
        """Send samples, (channels, frames) or (frames,) for mono, float32 or int16; longer arrays go in pieces.

        Never waits in a realtime stream: where the daemon does not read, frames are dropped and counted. In a free
        stream it waits until the daemon has room. `source_ns`: the sender's own time of the first frame, which comes
        back in the stems' headers.

        Raises:
            TypeError, ValueError: the array's type or shape does not fit the stream. Nothing was sent.
            BlockError: NaN or infinity among the samples. Nothing was sent.
            StreamClosed, ConnectionLostError: the stream, or the daemon, is gone.
        """
        samples = _samples(block, self._request.channels, self._request.format)
        async with self._turn:
            start_ns, first = source_ns, self.position
            for start in range(0, samples.shape[1], self._request.block):
                if start_ns is not None:
                    source_ns = start_ns + round(1e9 * (self.position - first) / self._request.rate)
                await self._send(samples[:, start : start + self._request.block], source_ns)
        # One turn for the others, so that a loop which only sends still hears of faults, and can be cancelled.
        await asyncio.sleep(0)

    async def _send(self, samples: Float32Array | Int16Array, source_ns: int | None) -> None:
        frames = samples.shape[1]
        await self._granted(self.position + frames)
        message = Mixture(self.name, self.position, source_ns)
        if not await self._post(message, encode_pcm(samples, self._request.format)):
            self.dropped += frames
        self.position += frames

    async def gap(self, frames: int) -> None:
        """Skip `frames` positions: input that never came. Waits as `send` does, and raises what it raises."""
        async with self._turn:
            target = self.position + frames
            while self.position < target:
                await self._granted(self.position + 1)
                step = min(target, self.position + self._request.rate)  # of a second: a daemon refuses over ten
                self.position = min(step, self._until) if self._bounded else step
                # A block without samples: all before it is a gap, and the daemon knows at once.
                await self._post(Mixture(self.name, self.position, None), b"")

    async def set_gain(self, **gains: float) -> GainSet:
        """Set linear gains (0 to 8) of network stems, and of `rest`, in the stem `out`; the reply says from where."""
        return await set_gain(self._connection, self.name, gains)

    async def set_mixer(
        self,
        *,
        mute: Collection[str] | None = None,
        solo: Collection[str] | None = None,
        wet: float | None = None,
        bypass: bool | None = None,
    ) -> MixerSet:
        """Set what else shapes the stem `out`; None leaves a control as it is. The reply says all, and from where.

        Args:
            mute: the parts that are silent: network stems, or `rest`, the mixture less those.
            solo: the parts that alone are heard; empty: all.
            wet: 0 to 1, how much of `out` is the mix, the rest being the mixture.
            bypass: whether `out` is the mixture itself.

        Raises:
            ProtocolError: the daemon has no mixer, or `wet` is out of range.
            UnknownStemError: a name is no part of the stream. Nothing was changed.
        """
        return await set_mixer(self._connection, self.name, mute=mute, solo=solo, wet=wet, bypass=bypass)

    async def close(self) -> Closed:
        """End the stream and wait until its last block has left; leaving the `async with` block does it.

        Raises:
            StreamClosed: the daemon cut the stream off: stems of its end are missing.
        """
        if self._closed is None:
            self._check()
            self._closed = await self._ask_to_close()
        if self._closed.cut:
            raise StreamClosed(f"stream {self.name!r} was cut off by the daemon at frame {self._closed.position}")
        return self._closed

    async def _ask_to_close(self) -> Closed:
        try:
            return await self._connection.request(Close(self._connection.number(), self.name), Closed)
        except UnknownStreamError:
            if self._closed is None:  # else the daemon ended it while the request was on its way
                raise
            return self._closed

    @property
    def _bounded(self) -> bool:
        return self.opened.until is not None

    async def _granted(self, end: int) -> None:
        """Wait until frames below `end` may be sent."""
        self._check()
        while self._bounded and self._until < end:
            self._news.clear()
            await self._news.wait()
            self._check()

    async def _post(self, message: Mixture, pcm: bytes) -> bool:
        while not self._connection.post(message, pcm):
            self._check()
            if not self._bounded:
                return False
            await asyncio.sleep(_RETRY)  # ZeroMQ's queue is full, which has no event that survives a lost daemon
        return True

    def _check(self) -> None:
        self._connection.check()
        if self._fault is not None:
            raise again(self._fault)

    def on_grant(self, until: int) -> None:
        """The daemon takes frames below `until`."""
        self._until = max(self._until, until)
        self._news.set()

    def on_moved(self, position: int) -> None:
        """The daemon went on without us: what was not sent until now is a gap."""
        self.skipped += max(0, position - self.position)
        self.position = max(self.position, position)

    def on_closed(self, closed: Closed) -> None:
        """The daemon ended the stream by itself."""
        if self._opened is None:
            return  # this is about the stream that had the name before
        self._closed = closed
        self._fault = StreamClosed(f"stream {self.name!r} was ended by the daemon at frame {closed.position}")
        self._news.set()

    def on_fault(self, error: StemdError) -> None:
        """Codes of the family `stream` say that it is over, and are raised from the next call; others are noted."""
        if self._opened is None:
            return  # see on_closed
        if isinstance(error, StreamError):
            self._fault = self._fault or error
            self._news.set()
        else:
            self.refused += isinstance(error, BlockError)
            self.faults.append(str(error))

    def on_lost(self) -> None:
        """The connection has an error."""
        self._news.set()


async def set_gain(connection: Connection, stream: str, gains: Mapping[str, float]) -> GainSet:
    """Ask for gains of a stream, one's own or another client's."""
    values = {stem: float(gain) for stem, gain in gains.items()}
    return await connection.request(SetGain(connection.number(), stream, values), GainSet)


async def set_mixer(
    connection: Connection,
    stream: str,
    *,
    mute: Collection[str] | None,
    solo: Collection[str] | None,
    wet: float | None,
    bypass: bool | None,
) -> MixerSet:
    """Ask for the other controls of a stream's mixer, one's own or another client's."""
    connection.check()
    welcome = connection.welcome
    if welcome is not None and "mixer" not in welcome.capabilities:
        raise ProtocolError(f"the daemon ({welcome.daemon}) has no mixer: set_gain is all that it knows; update it")
    for names in (mute, solo):
        if isinstance(names, str):
            raise TypeError(f"{names!r} is a name; give a list of them")
    request = SetMixer(
        connection.number(),
        stream,
        None if mute is None else tuple(mute),
        None if solo is None else tuple(solo),
        None if wet is None else float(wet),
        None if bypass is None else bool(bypass),
    )
    return await connection.request(request, MixerSet)


def _samples(block: Float32Array | Int16Array, channels: int, fmt: Format) -> Float32Array | Int16Array:
    if block.dtype not in (np.float32, np.int16):
        raise TypeError(f"samples are {block.dtype}; send float32 or int16")
    samples = block[np.newaxis] if block.ndim == 1 and channels == 1 else block
    if samples.ndim != 2 or samples.shape[0] != channels:
        raise ValueError(f"a block of shape {block.shape} does not fit: the stream takes ({channels}, frames)")
    if samples.dtype == np.int16:
        return dequantise(samples) if fmt == "f32le" else samples  # type: ignore[arg-type]
    if not np.isfinite(samples).all():
        raise BlockError("the block has NaN or infinity; send a gap of its length instead")
    return samples
