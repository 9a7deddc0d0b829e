"""The connection to the daemon that all pages share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from stemd.errors import ConnectionLostError, StemdError
from stemd_client.client import Client
from stemd_client.reconnecting import stay_connected

_AFTER_FAULT: Final = 3.0  # seconds until the next try where a daemon is there that cannot be used


class Link:
    """One connection after another, for as long as `run` runs.

    Args:
        address: of the daemon; None: the local one.

    Attributes:
        gone: why there is none at the moment, in one line that says what to do; None while there is one.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._client: Client | None = None
        self._news = asyncio.Event()
        self.gone: str | None = "looking for a daemon"

    @property
    def now(self) -> Client:
        """The connection.

        Raises:
            ConnectionLostError: there is none.
        """
        if self._client is None:
            raise ConnectionLostError(self.gone or "no daemon")
        return self._client

    async def client(self, instead_of: Client | None = None) -> Client:
        """The connection once there is one; `instead_of`: which is known to be lost."""
        while self._client is None or self._client is instead_of:
            await self._news.wait()
        return self._client

    async def run(self, work: Callable[[Client], Awaitable[None]], lost: Callable[[], None]) -> None:
        """Call `work` with each connection, and `lost` whenever there is none."""

        async def use(client: Client) -> None:
            self._change(client, None)
            try:
                await work(client)
            finally:
                self._change(None, "the connection to the daemon was lost")

        def on_lost(error: StemdError) -> None:
            self._change(None, str(error))
            lost()

        while True:
            try:
                await stay_connected(use, on_lost, self._address, "stemd web")
            except StemdError as exc:
                on_lost(exc)
            await asyncio.sleep(_AFTER_FAULT)

    def _change(self, client: Client | None, gone: str | None) -> None:
        self._client, self.gone = client, gone
        news, self._news = self._news, asyncio.Event()
        news.set()
