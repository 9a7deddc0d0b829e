"""Between the daemon and the screen: asks for its state, turns its mixer, and outlives it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from stemd.errors import ConnectionLostError, StemdError
from stemd_client import Client, stay_connected
from stemd_client.top.knobs import Turn
from stemd_client.top.picture import Picture, Rises, turned

_WAITING_KEYS: Final = 64
_NAME: Final = "stemd top"

# A stream's name, and what its state (as the daemon told it last) comes to.
Order = tuple[str, Callable[[Picture], Turn | None]]


class Watch:
    """One connection after another; the newest picture is told to whoever shows it.

    Args:
        picture: what there is to begin with.
        interval: seconds from one question to the next.
        shown: told each new picture, on the event loop.
    """

    def __init__(self, picture: Picture, interval: float, shown: Callable[[Picture], None]) -> None:
        self.picture = picture
        self._interval, self._shown = interval, shown
        self._orders: asyncio.Queue[Order] = asyncio.Queue(_WAITING_KEYS)
        self._rises = Rises()
        self._fault = ""  # why there is no connection

    def order(self, stream: str, reckon: Callable[[Picture], Turn | None]) -> None:
        """Turn the mixer of a stream; `reckon` is called when those before are answered, so that no step is lost."""
        if not self.picture.there:
            return self._show(replace(self.picture, news=f"nothing was turned: {self._fault}"))
        try:
            self._orders.put_nowait((stream, reckon))
        except asyncio.QueueFull:
            self._show(replace(self.picture, news="the daemon is slow to answer; that key did nothing"))
        return None

    async def run(self) -> None:
        """Watch until cancelled.

        Raises:
            StemdError: a daemon of another major version.
        """
        await stay_connected(self._follow, self._lost, self.picture.address, _NAME)

    async def _follow(self, client: Client) -> None:
        news = "" if self.picture.there else "the daemon is back"
        while True:
            state = await client.status()
            risen = self._rises.seen(state, time.monotonic())
            self._show(replace(self.picture, state=state, there=True, risen=risen, news=news or self.picture.news))
            news = ""
            await self._obey(client, time.monotonic() + self._interval)

    async def _obey(self, client: Client, until: float) -> None:
        """Turn what is ordered, one after the other, until it is time to look again."""
        while (left := until - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    stream, reckon = await self._orders.get()
            except TimeoutError:
                return
            await self._turn(client, stream, reckon(self.picture))

    async def _turn(self, client: Client, stream: str, turn: Turn | None) -> None:
        if turn is None:
            return
        try:
            done = await (
                client.set_gain(stream, **turn.gains) if turn.gains else client.set_mixer(stream, **turn.controls)
            )
        except ConnectionLostError:
            raise
        except StemdError as exc:
            self._show(replace(self.picture, news=str(exc)))
        else:
            mixer = {name: getattr(done, name) for name in ("gains", *turn.controls)}
            self._show(replace(turned(self.picture, stream, mixer), news=""))

    def _lost(self, error: ConnectionLostError) -> None:
        while not self._orders.empty():  # keys that were meant for the daemon that has gone
            self._orders.get_nowait()
        self._fault = str(error)
        self._show(replace(self.picture, there=False, risen=frozenset(), news=self._fault))

    def _show(self, picture: Picture) -> None:
        self.picture = picture
        self._shown(picture)


async def first_picture(address: str | None) -> Picture:
    """What there is to show now.

    Raises:
        ConnectionLostError: there is no daemon; the text says how to start one.
    """
    async with Client(address, _NAME) as client:
        return Picture(client.address, await client.status())
