"""The same words without await: the asynchronous client on an event loop of its own, in a background thread.

    with Client() as client, client.open("desk", rate=48000) as stream:
        stream.send(block)

Every call waits for its end, also where the asynchronous one would not; several threads may use one client.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from stemd.audio import Float32Array, Format, Int16Array
from stemd.errors import ConnectionLostError
from stemd.protocol import (
    PING_INTERVAL,
    Closed,
    Delivery,
    GainSet,
    MixerSet,
    Opened,
    Plan,
    Reloaded,
    Stem,
    Timing,
    Welcome,
)
from stemd_client import client as aio
from stemd_client.background import Background
from stemd_client.clock import RoundTrip
from stemd_client.connection import CONNECT_TIMEOUT
from stemd_client.stream import Stream as AsyncStream
from stemd_client.subscription import StemBlock
from stemd_client.subscription import Subscription as AsyncSubscription


class Stream:
    """`stemd_client.Stream` without await."""

    def __init__(self, loop: Background, stream: AsyncStream):
        self._loop = loop
        self._stream = stream

    def __enter__(self) -> "Stream":
        self._loop.wait(self._stream.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.wait(self._stream.__aexit__(kind, error, trace))

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._stream.name

    @property
    def opened(self) -> Opened:
        """The daemon's answer: latency (frames), plan, model, stems."""
        return self._stream.opened

    @property
    def position(self) -> int:
        """The next frame to be sent."""
        return self._stream.position

    @property
    def dropped(self) -> int:
        """Frames not sent because the daemon did not read."""
        return self._stream.dropped

    @property
    def refused(self) -> int:
        """Blocks that the daemon refused."""
        return self._stream.refused

    @property
    def faults(self) -> list[str]:
        """The last faults that the stream survived."""
        return list(self._stream.faults)

    def send(self, block: Float32Array | Int16Array, source_ns: int | None = None) -> None:
        """See `stemd_client.Stream.send`."""
        self._loop.wait(self._stream.send(block, source_ns))

    def gap(self, frames: int) -> None:
        """See `stemd_client.Stream.gap`."""
        self._loop.wait(self._stream.gap(frames))

    def set_gain(self, **gains: float) -> GainSet:
        """See `stemd_client.Stream.set_gain`."""
        return self._loop.wait(self._stream.set_gain(**gains))

    def set_mixer(
        self,
        *,
        mute: Collection[str] | None = None,
        solo: Collection[str] | None = None,
        wet: float | None = None,
        bypass: bool | None = None,
    ) -> MixerSet:
        """See `stemd_client.Stream.set_mixer`."""
        return self._loop.wait(self._stream.set_mixer(mute=mute, solo=solo, wet=wet, bypass=bypass))

    def close(self) -> Closed:
        """See `stemd_client.Stream.close`."""
        return self._loop.wait(self._stream.close())


class Subscription:
    """`stemd_client.Subscription` without await: `for block in client.subscribe(...)`."""

    def __init__(self, loop: Background, subscription: AsyncSubscription):
        self._loop = loop
        self._subscription = subscription
        self._entered = False

    def __enter__(self) -> "Subscription":
        self._loop.wait(self._subscription.__aenter__())
        self._entered = True
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ConnectionLostError):  # an iterator that is given up after its client
            self._loop.wait(self._subscription.__aexit__())

    def __iter__(self) -> Iterator[StemBlock]:
        if self._entered:
            yield from self._blocks()
        else:
            with self:
                yield from self._blocks()

    def _blocks(self) -> Iterator[StemBlock]:
        while (block := self.take()) is not None:
            yield block

    def take(self) -> StemBlock | None:
        """The next block; None after the end."""
        return self._loop.wait(self._subscription.take())

    @property
    def position(self) -> int | None:
        """The first frame to come; None while the stream is not open."""
        return self._subscription.position

    @property
    def end(self) -> Stem | None:
        """The last header, after the iterator has stopped."""
        return self._subscription.end


class Client:
    """`stemd_client.Client` without await: `with Client() as client`."""

    def __init__(
        self,
        address: str | None = None,
        name: str | None = None,
        *,
        key: str | Path | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        ping_interval: float = PING_INTERVAL,
    ):
        """See `stemd_client.Client`."""
        self._client = aio.Client(address, name, key=key, connect_timeout=connect_timeout, ping_interval=ping_interval)
        self._thread: Background | None = None

    @property
    def _loop(self) -> Background:
        if self._thread is None:
            raise RuntimeError("the client is not connected: with Client() as client")
        return self._thread

    def __enter__(self) -> "Client":
        self._thread = Background()
        try:
            self._loop.wait(self._client.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._loop.wait(self._client.__aexit__())
        finally:
            self._end()

    def _end(self) -> None:
        thread, self._thread = self._loop, None
        thread.close()

    @property
    def address(self) -> str:
        """Where the daemon is."""
        return self._client.address

    @property
    def welcome(self) -> Welcome:
        """The daemon's answer to the greeting."""
        return self._client.welcome

    def open(  # noqa: PLR0913 - as in the asynchronous client
        self,
        name: str,
        *,
        rate: int = 48_000,
        channels: int = 2,
        format: Format = "f32le",  # noqa: A002 - the word of the protocol
        block: int | None = None,
        timing: Timing = "realtime",
        plan: str | Plan | None = None,
        model: str | None = None,
        stems: tuple[str, ...] | None = None,
    ) -> Stream:
        """See `stemd_client.Client.open`."""
        stream = self._client.open(
            name,
            rate=rate,
            channels=channels,
            format=format,
            block=block,
            timing=timing,
            plan=plan,
            model=model,
            stems=stems,
        )
        return Stream(self._loop, stream)

    def subscribe(
        self,
        stream: str,
        stem: str,
        *,
        format: Format = "f32le",  # noqa: A002 - the word of the protocol
        delivery: Delivery = "live",
        credit: int = 16,
        way: bool = False,
    ) -> Subscription:
        """See `stemd_client.Client.subscribe`."""
        subscription = self._client.subscribe(stream, stem, format=format, delivery=delivery, credit=credit, way=way)
        return Subscription(self._loop, subscription)

    def set_gain(self, stream: str, /, **gains: float) -> GainSet:
        """See `stemd_client.Client.set_gain`."""
        return self._loop.wait(self._client.set_gain(stream, **gains))

    def set_mixer(
        self,
        stream: str,
        /,
        *,
        mute: Collection[str] | None = None,
        solo: Collection[str] | None = None,
        wet: float | None = None,
        bypass: bool | None = None,
    ) -> MixerSet:
        """See `stemd_client.Client.set_mixer`."""
        return self._loop.wait(self._client.set_mixer(stream, mute=mute, solo=solo, wet=wet, bypass=bypass))

    def status(self) -> dict[str, Any]:
        """What the daemon is doing."""
        return self._loop.wait(self._client.status())

    def reload(self) -> Reloaded:
        """See `stemd_client.Client.reload`."""
        return self._loop.wait(self._client.reload())

    def ping(self) -> RoundTrip:
        """See `stemd_client.Client.ping`."""
        return self._loop.wait(self._client.ping())
