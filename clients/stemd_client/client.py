"""The client: one connection to a daemon, and what can be asked of it."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from stemd.address import Address, default_address, is_local
from stemd.audio import Format
from stemd.errors import ConfigError, ProtocolError
from stemd.keys import find_key
from stemd.protocol import (
    PING_INTERVAL,
    Delivery,
    GainSet,
    MixerSet,
    Open,
    Plan,
    Reload,
    Reloaded,
    State,
    Status,
    Subscribe,
    Timing,
    Welcome,
)
from stemd_client.clock import RoundTrip
from stemd_client.connection import CONNECT_TIMEOUT, Connection
from stemd_client.inbox import Inbox
from stemd_client.silence import keyless
from stemd_client.stream import Stream, set_gain, set_mixer
from stemd_client.subscription import Subscription


class Client:
    """A connection to a daemon, inside `async with Client() as client`. Belongs to one event loop.

    Every call and iterator raises ConnectionLostError once the daemon has left three pings unanswered (6 s).
    """

    def __init__(
        self,
        address: str | None = None,
        name: str | None = None,
        *,
        key: str | Path | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        ping_interval: float = PING_INTERVAL,
    ):
        """Make a client; it connects when entered.

        Args:
            address: `ipc:///a/folder` or `tcp://host:port`; None: `$STEMD_ADDRESS`, or where `stemd serve` listens.
            name: how the daemon's status names this client.
            key: of `stemd keys new`, by name or as a file; None: `$STEMD_KEY`, else the one that was made for this
                address, else none, which will do on this machine alone.
            connect_timeout: seconds to wait for a daemon.
            ping_interval: seconds between pings.

        Raises:
            ConfigError: the address is neither of the two forms, the key cannot be used, or there is none and the
                address is another machine's.
        """
        self.address = address or default_address()
        self._inbox = Inbox()
        name = name or f"python {os.getpid()}"
        where, own = Address.parse(self.address), find_key(key, self.address)
        if own is None and not is_local(where.requests):  # in clear it would talk to whoever answers
            raise ConfigError(keyless(where))
        self._connection = Connection(where, name, self._inbox, ping_interval, own)
        self._connect_timeout = connect_timeout

    async def __aenter__(self) -> "Client":
        await self._connection.open(self._connect_timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    @property
    def welcome(self) -> Welcome:
        """The daemon's answer to the greeting: its version and capabilities."""
        if self._connection.welcome is None:
            raise RuntimeError("the client is not connected yet: async with Client() as client")
        return self._connection.welcome

    def open(  # noqa: PLR0913 - the words of the message, all but the first with a default
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
        """A stream to feed, opened by `async with client.open("desk") as stream`.

        Args:
            name: the stream's name, 1 to 64 of A-Z a-z 0-9 . _ -
            rate: frames a second, 8 000 to 192 000.
            channels: 1 or 2.
            format: how samples travel, f32le or s16le.
            block: the most frames of one block; None: 20 ms. Longer arrays are sent in such pieces.
            timing: `realtime` (live sources; admission, pacing, deadlines) or `free` (files; back-pressure).
            plan: a plan of the daemon's configuration by name, four numbers, or None: its default.
            model: None: the daemon's default.
            stems: those that may be asked for; None: all.

        Raises:
            StemdError: on entering, what the daemon answers: StreamExistsError, PlanError, ModelError, Overloaded.
        """
        size = block if block is not None else max(1, rate // 50)
        wanted = None if stems is None else tuple(stems)
        request = Open(0, name, int(rate), int(channels), format, int(size), timing, plan, model, wanted)
        return Stream(self._connection, self._inbox, request)

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
        """The blocks of a stem of a stream, open or yet to come: `async for block in client.subscribe("desk", "bass")`.

        Args:
            stream: the stream's name.
            stem: a stem of its model, or `mix`, `instrumental`, `out`.
            format: f32le gives float32 samples, s16le int16.
            delivery: `live` drops the oldest blocks of a slow reader, `lossless` holds them.
            credit: blocks that may wait here, 1 to 4096.
            way: whether each block's header has a `way`, the points of time at which it came about; None in blocks
                without an estimate of a network's: of `mix`, and degraded ones.

        Raises:
            StemdError: on entering or at the first block, what the daemon answers: UnknownStemError, ProtocolError.
            ProtocolError: the daemon is of an earlier version, which cannot tell the way.
        """
        request = Subscribe(0, stream, stem, format, delivery, int(credit), bool(way))
        return Subscription(self._connection, self._inbox, request)

    async def set_gain(self, stream: str, /, **gains: float) -> GainSet:
        """As `Stream.set_gain`, of any stream: whoever mixes need not be who feeds it."""
        return await set_gain(self._connection, stream, gains)

    async def set_mixer(
        self,
        stream: str,
        /,
        *,
        mute: Collection[str] | None = None,
        solo: Collection[str] | None = None,
        wet: float | None = None,
        bypass: bool | None = None,
    ) -> MixerSet:
        """As `Stream.set_mixer`, of any stream."""
        return await set_mixer(self._connection, stream, mute=mute, solo=solo, wet=wet, bypass=bypass)

    async def status(self) -> dict[str, Any]:
        """What the daemon is doing: streams, subscriptions, load."""
        return (await self._connection.request(Status(self._connection.number()), State)).state

    async def reload(self) -> Reloaded:
        """Have the daemon read its configuration and its models again.

        Raises:
            ConfigError, ModelLoadError: the new ones cannot be used; nothing has changed.
            ProtocolError: the daemon is of an earlier version, which cannot.
        """
        if "reload" not in self.welcome.capabilities:
            raise ProtocolError(f"{self.welcome.daemon} cannot reload; restart it")
        return await self._connection.request(Reload(self._connection.number()), Reloaded)

    async def ping(self) -> RoundTrip:
        """Four timestamps: how far the daemon's clock is from this host's, and how long the way is."""
        return await self._connection.ping()
