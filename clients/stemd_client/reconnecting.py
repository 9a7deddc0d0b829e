"""For programs that outlive the daemon: a connection again whenever the last one was lost."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from stemd.errors import ConnectionLostError
from stemd_client.client import Client
from stemd_client.connection import CONNECT_TIMEOUT

T = TypeVar("T")

_PING_INTERVAL: Final = 0.5


async def stay_connected(
    work: Callable[[Client], Awaitable[T]],
    lost: Callable[[ConnectionLostError], None],
    address: str | None = None,
    name: str | None = None,
    *,
    key: str | Path | None = None,
    connect_timeout: float = CONNECT_TIMEOUT,
    ping_interval: float = _PING_INTERVAL,
) -> T:
    """Call `work` with a connected client; when it raises ConnectionLostError, again with the next; its result.

    Args:
        work: what is to be done with a connection; it ends with its connection's fault, or when it is done.
        lost: told each time that there is no daemon, or none any more; the text says how to start one.
        address: as of `Client`.
        name: as of `Client`.
        key: as of `Client`.
        connect_timeout: seconds to wait for a daemon before `lost` is told so, and the wait begins anew.
        ping_interval: seconds between pings; after three without an answer the connection is lost.

    Raises:
        StemdError: what `work` raises, and a daemon of another major version.
    """
    while True:
        try:
            client = Client(address, name, key=key, connect_timeout=connect_timeout, ping_interval=ping_interval)
            async with client:
                return await work(client)
        except ConnectionLostError as error:
            lost(error)
