"""Subscriptions that all listeners of a stem share: the daemon sends it once, however many browsers hear it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol

from stemd.errors import ConnectionLostError, StemdError, StreamClosed
from stemd_client.client import Client
from stemd_client.subscription import StemBlock
from stemd_client.web.link import Link

_CREDIT: Final = 32
_ENDING: Final = 0.2  # seconds until a stream that is ending has made room for the next of its name


class Listener(Protocol):
    """Who hears a stem. None of these may wait."""

    def take(self, block: StemBlock) -> None:
        """A block came."""

    def rest(self, why: str) -> None:
        """Nothing comes for now, in words; it goes on by itself."""

    def fault(self, text: str) -> None:
        """Nothing will ever come."""


class Taps:
    """One subscription for each stem that somebody hears, from the first listener to the last."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._listeners: dict[tuple[str, str], set[Listener]] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def add(self, stream: str, stem: str, listener: Listener) -> None:
        """Let somebody hear a stem of a stream, open or yet to come."""
        key = stream, stem
        self._listeners.setdefault(key, set()).add(listener)
        task = self._tasks.get(key)
        if task is None or task.done():
            self._tasks[key] = asyncio.create_task(self._run(*key))
        else:
            listener.rest(f"waiting for stream {stream}")

    def remove(self, stream: str, stem: str, listener: Listener) -> None:
        """Let somebody go; without listeners the subscription ends."""
        listeners = self._listeners.get((stream, stem), set())
        listeners.discard(listener)
        if not listeners and (task := self._tasks.pop((stream, stem), None)):
            del self._listeners[stream, stem]
            task.cancel()
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    @contextmanager
    def heard(self, stream: str, stem: str, listener: Listener) -> Iterator[None]:
        """`add`, and `remove` at the end."""
        self.add(stream, stem, listener)
        try:
            yield
        finally:
            self.remove(stream, stem, listener)

    async def close(self) -> None:
        """End all subscriptions."""
        tasks = [*self._tasks.values(), *self._leaving]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, stream: str, stem: str) -> None:
        listeners = self._listeners[stream, stem]
        client: Client | None = None
        while True:
            if self._link.gone:
                self._rest(listeners, self._link.gone)
            client = await self._link.client(instead_of=client)
            try:
                await self._hear(client, stream, stem, listeners)
            except ConnectionLostError as exc:
                self._rest(listeners, str(exc))
            except StemdError as exc:
                for listener in tuple(listeners):
                    listener.fault(str(exc))
                return

    async def _hear(self, client: Client, stream: str, stem: str, listeners: set[Listener]) -> None:
        while True:
            self._rest(listeners, f"waiting for stream {stream}")
            with suppress(StreamClosed):
                async for block in client.subscribe(stream, stem, delivery="live", credit=_CREDIT):
                    for listener in tuple(listeners):
                        listener.take(block)
            await asyncio.sleep(_ENDING)

    @staticmethod
    def _rest(listeners: set[Listener], why: str) -> None:
        for listener in tuple(listeners):
            listener.rest(why)
