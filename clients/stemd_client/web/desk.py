"""Between the pages and the daemon: its state goes to all of them, their orders go to it."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from stemd.errors import StemdError, UnknownStreamError
from stemd_client.client import Client
from stemd_client.subscription import StemBlock
from stemd_client.web import orders
from stemd_client.web.link import Link
from stemd_client.web.page_queue import PageQueue
from stemd_client.web.taps import Taps
from stemd_client.web.view import gone_as_json, metered_stems, state_as_json

_INTERVAL: Final = {True: 1 / 16, False: 1.0}  # seconds between two looks at the daemon: somebody watches, or nobody


class _Unheard:
    """A listener who only wants the daemon to measure the level."""

    def take(self, block: StemBlock) -> None:
        """See `Listener`."""

    def rest(self, why: str) -> None:
        """See `Listener`."""

    def fault(self, text: str) -> None:
        """See `Listener`."""


class Desk:
    """All open pages, and what they see.

    Args:
        link: to the daemon.
        taps: the subscriptions.
    """

    def __init__(self, link: Link, taps: Taps) -> None:
        self._link, self._taps = link, taps
        self._watching: dict[PageQueue, orders.Watch] = {}
        self._metered: set[tuple[str, str]] = set()
        self._meter = _Unheard()
        self._look = asyncio.Event()
        self._turn = asyncio.Lock()

    @contextmanager
    def joined(self, page: PageQueue) -> Iterator[None]:
        """Show the state to a page from now on."""
        self._watching[page] = orders.Watch(looking=True, meters=())
        if self._link.gone:
            page.show(gone_as_json(self._link.gone))
        self._look.set()
        try:
            yield
        finally:
            del self._watching[page]
            self._look.set()

    async def watch(self, client: Client) -> None:
        """Show the state of this daemon to all pages, often while somebody looks.

        Raises:
            ConnectionLostError: it is gone.
        """
        self._measure({})  # what was heard of the daemon before is let go
        while True:
            self._look.clear()
            state = await client.status()
            self._measure(state)
            self._show(state_as_json(state))
            looking = any(watch.looking for watch in self._watching.values())
            try:
                async with asyncio.timeout(_INTERVAL[looking]):
                    await self._look.wait()
            except TimeoutError:
                continue

    def lost(self) -> None:
        """Tell all pages that there is no daemon."""
        self._show(gone_as_json(self._link.gone or ""))

    def _show(self, text: str) -> None:
        for page in self._watching:
            page.show(text)

    def _wanted(self) -> set[str]:
        return {stream for watch in self._watching.values() if watch.looking for stream in watch.meters}

    def _measure(self, state: Mapping[str, Any]) -> None:
        """Subscribe to what meters are wanted of, for the daemon measures what somebody hears."""
        streams = self._wanted()
        wanted = {
            (str(stream["stream"]), stem)
            for stream in state.get("streams", ())
            if stream.get("stream") in streams
            for stem in metered_stems(stream)
        }
        for stream, stem in self._metered - wanted:
            self._taps.remove(stream, stem, self._meter)
        for stream, stem in wanted - self._metered:
            self._taps.add(stream, stem, self._meter)
        self._metered = wanted

    async def take(self, page: PageQueue, text: str) -> None:
        """Do what a page asks for; what goes wrong is told to it."""
        try:
            order = orders.read(text)
            if isinstance(order, orders.Watch):
                self._watching[page] = order
            else:
                # One after another: a switch is a list read, changed and written.
                async with self._turn:
                    await self._give(self._link.now, order)
            self._look.set()
        except StemdError as exc:
            page.note(json.dumps({"kind": "error", "text": str(exc)}))

    async def _give(self, client: Client, order: orders.Order) -> None:
        match order:
            case orders.Gain(stream, part, gain):
                await client.set_gain(stream, **{part: gain})
            case orders.Wet(stream, wet):
                await client.set_mixer(stream, wet=wet)
            case orders.Bypass(stream, on):
                await client.set_mixer(stream, bypass=on)
            case orders.Switch(stream, control, part, on):
                names = set((await _stream(client, stream))[control]) - {part} | ({part} if on else set())
                mute, solo = (sorted(names), None) if control == "mute" else (None, sorted(names))
                await client.set_mixer(stream, mute=mute, solo=solo)


async def _stream(client: Client, name: str) -> Mapping[str, Any]:
    for stream in (await client.status()).get("streams", ()):
        if stream.get("stream") == name:
            found: Mapping[str, Any] = stream
            return found
    raise UnknownStreamError(f"no stream {name!r} is open")
