"""`stemd jack` as a whole: JACK on one side, a daemon that may come and go on the other."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from stemd.errors import (
    ConnectionLostError,
    DeviceError,
    StemdError,
    StreamClosed,
    UnknownStemError,
    UnknownStreamError,
    nearest,
)
from stemd.protocol import Opened, Plan
from stemd_client import running
from stemd_client.client import Client
from stemd_client.jack.latency import delay, gathered
from stemd_client.jack.library import load, open_client
from stemd_client.jack.passage import Counts, Passage, Terms
from stemd_client.jack.ports import Ports
from stemd_client.jack.view import Snapshot, opening, snapshot
from stemd_client.jack.wiring import INPUT, Wiring, Wish
from stemd_client.reconnecting import stay_connected

_EVERY: Final = 1.0  # seconds between two states
_AGAIN: Final = 1.0  # seconds until a daemon that refused is asked again


class Show(Protocol):
    """Where `stemd jack` says what goes on."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def state(self, now: Snapshot) -> None:
        """How things stand, about once a second."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `stemd jack` is asked for.

    Attributes:
        name: of the client in JACK.
        stream: its name in the daemon.
        server: of JACK; None: the default one.
        address: of the daemon; None: where clients find it.
        plan: see `Client.open`.
        model: see `Client.open`.
        margin: seconds for the way to the daemon and back.
        stems: that are wanted though nothing is connected.
        wishes: what is to be connected.
    """

    name: str = "stemd"
    stream: str = "jack"
    server: str | None = None
    address: str | None = None
    plan: Plan | str | None = None
    model: str | None = None
    margin: float = 0.015
    stems: tuple[str, ...] = ()
    wishes: tuple[Wish, ...] = ()


def run(settings: Settings, show: Show) -> None:
    """Play until SIGINT or SIGTERM.

    Raises:
        DeviceError: there is no JACK, or it has gone.
        StemdError: the daemon refuses the stream, when it is first asked.
    """
    running.run(_run(settings, show))


async def _run(settings: Settings, show: Show) -> None:
    stop = running.stop_signals()
    module = load()
    client = open_client(module, settings.name, settings.server)
    changed = asyncio.Event()
    with Ports(module, client, settings.stems, changed.set) as ports:
        await Program(settings, show, ports, Wiring(module, client, settings.wishes), changed).run(stop)


class Program:
    """See the module.

    Args:
        settings: what was asked for.
        show: where to say what goes on.
        ports: active.
        wiring: keeps connections.
        changed: set when `ports` says so.
    """

    def __init__(self, settings: Settings, show: Show, ports: Ports, wiring: Wiring, changed: asyncio.Event) -> None:
        self._settings, self._show, self._ports, self._wiring = settings, show, ports, wiring
        self._changed = changed
        self._counts = Counts()
        self._passage: Passage | None = None
        self._opened: Opened | None = None
        self._told: str | None = None  # the last complaint, which is not repeated
        self._once = False  # whether a daemon has taken the stream before

    async def run(self, stop: asyncio.Event) -> None:
        """Play until `stop`.

        Raises:
            DeviceError: JACK has gone.
            StemdError: the daemon refuses the stream, when it is first asked.
            BrokenPipeError: nobody reads any more what is shown.
        """
        ports = self._ports
        self._show.say(f"JACK client {ports.name!r} at {ports.rate} Hz, {ports.engine.period} frames a period")
        stopping = asyncio.create_task(stop.wait())
        showing = asyncio.create_task(self._keep_showing())
        try:
            while not stop.is_set():
                await self._until_changed(self._stay(), stopping, showing)
        finally:
            for task in (stopping, showing):
                task.cancel()

    async def _until_changed(
        self, work: Coroutine[Any, Any, None], stopping: "asyncio.Task[Any]", showing: "asyncio.Task[None]"
    ) -> None:
        """Work until JACK's period or freewheeling is another, or it is time to stop."""
        engine = self._ports.engine
        before = (engine.period, engine.freewheeling)
        working = asyncio.create_task(work)
        try:
            while not stopping.done() and (engine.period, engine.freewheeling) == before:
                changing = asyncio.create_task(self._changed.wait())
                await asyncio.wait({working, changing, stopping, showing}, return_when=asyncio.FIRST_COMPLETED)
                changing.cancel()
                self._changed.clear()
                if working.done():
                    working.result()
                    return
                if self._ports.gone is not None:
                    raise DeviceError(f"the JACK server has gone: {self._ports.gone}; start it and this again")
                if showing.done():
                    showing.result()  # it ends by a fault only
                self._wire()
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError, StemdError):
                await working

    async def _stay(self) -> None:
        """One stream after another, with whatever daemon there is."""
        settings = self._settings
        try:
            await stay_connected(self._pass, self._lost, settings.address, f"stemd jack {self._ports.name}")
        except StemdError as exc:
            if not self._once:
                raise
            self._complain(f"{exc}; trying again")
            await asyncio.sleep(_AGAIN)

    async def _pass(self, client: Client) -> None:
        """One stream, until it ends."""
        passage = Passage(self._ports.engine, self._terms(), self._counts)
        try:
            async with passage.stream(client) as stream:
                self._begin(stream.opened)
                self._passage = passage
                await passage.run(client, stream)
        except (StreamClosed, UnknownStreamError) as exc:
            raise ConnectionLostError(f"the daemon has ended stream {self._terms().name!r}") from exc
        finally:
            self._passage = None

    def _terms(self) -> Terms:
        settings, rate = self._settings, self._ports.rate
        if not self._ports.engine.freewheeling:
            return Terms(settings.stream, rate, "realtime", settings.plan, settings.model)
        plan = self._opened.plan if self._opened else settings.plan
        return Terms(f"{settings.stream}-export", rate, "free", plan, settings.model)

    def _begin(self, opened: Opened) -> None:
        """A stream is open: have its ports, and its latency."""
        ports, engine = self._ports, self._ports.engine
        self._check(opened)
        frames = delay(opened.latency, engine.period, ports.rate, self._settings.margin)
        if engine.freewheeling and engine.delay is not None:
            if opened.latency + gathered(engine.period, ports.rate) > engine.delay + engine.period:
                engine.give_up()
                self._show.say("freewheeling, but this stream is later than what JACK was told: the stems are silent")
                return
        else:
            ports.delay_by(frames)
        if not engine.freewheeling:
            self._opened = opened
        ports.offer(opened.stems)
        self._once, self._told = True, None
        for text in opening(opened, ports.rate, engine.delay or 0, freewheeling=engine.freewheeling):
            self._show.say(text)
        self._wire()

    def _check(self, opened: Opened) -> None:
        """Whether the stems that were asked for are there; a daemon that comes later may have others."""
        asked = {*self._settings.stems, *(wish.part for wish in self._settings.wishes)} - {INPUT}
        for stem in sorted(asked.difference(opened.stems)):
            text = f"model {opened.model} has no stem {stem!r}{nearest(stem, opened.stems)}"
            if not self._once:
                raise UnknownStemError(text)
            self._show.say(text)

    def _lost(self, fault: ConnectionLostError) -> None:
        if self._ports.engine.freewheeling:
            self._ports.engine.give_up()
        self._complain(f"{fault}; the ports stay, silent until there is a daemon")

    def _complain(self, text: str) -> None:
        if text != self._told:
            self._show.say(text)
        self._told = text

    def _wire(self) -> None:
        for text in self._wiring.renew(self._ports.parts, self._ports.appeared):
            self._show.say(text)

    async def _keep_showing(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            self._wire()
            self._show.state(snapshot(self._ports, self._passage, self._counts))
