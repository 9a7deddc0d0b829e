"""Shared memory with one server: which pieces it has open, who uses them, and when it lets go of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from stemd.errors import InferenceError
from stemd.separation.remote.faults import EndpointLostError
from stemd.separation.remote.shared import Region

_WITHIN: Final = 5.0  # seconds for an answer
_AGAIN: Final = 0.05
_COUNTS_USERS: Final = (2, 50)  # Triton's version


class Regions:
    """See the module. They belong to one connection and its event loop.

    Args:
        ask: calls a method of the client: its name, the seconds that there are, its arguments.
    """

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        self._ask = ask
        self._usable = True
        self._spare: list[Region] = []
        self._given_up: list[Region] = []  # the server may still read or write them

    async def may_be_used(self) -> bool:
        """Whether the server keeps a region as long as a request uses it; older ones crash."""
        try:
            metadata = await self._ask("get_server_metadata", _WITHIN)
            return tuple(map(int, metadata.version.split(".")[:2])) >= _COUNTS_USERS
        except (InferenceError, ValueError):
            return False

    @asynccontextmanager
    async def lent(self, size: int) -> AsyncIterator[Region | None]:
        """A region of so many bytes or more, for a request; None where it cannot be had."""
        region = await self._found(size) if self._usable else None
        try:
            yield region
        except BaseException:
            if region is not None:
                self._given_up.append(region)
            raise
        if region is not None:
            self._spare.append(region)

    async def close(self) -> None:
        """Wait until the server has let go of all of them."""
        left = [*self._given_up, *self._spare]
        while left := await self._forget(left):  # noqa: ASYNC110 - a server tells nobody when it is done
            await asyncio.sleep(_AGAIN)

    async def _found(self, size: int) -> Region | None:
        if self._given_up:
            await self._tidy()
        for region in self._spare:
            if region.size >= size:
                self._spare.remove(region)
                return region
        try:
            with Region(size) as region:
                await self._ask("register_system_shared_memory", _WITHIN, region.name, region.key, region.size)
        except (OSError, InferenceError):  # no room, or it is on another machine after all, or in another container
            self._usable = False
            return None
        return region

    async def _tidy(self) -> None:
        """See which of the regions that were given up the server no longer uses."""
        regions, self._given_up = self._given_up, []
        try:
            regions = await self._forget(regions)
        finally:
            self._given_up += regions

    async def _forget(self, regions: list[Region]) -> list[Region]:
        """Tell the server to let go of regions; those that it still uses."""
        kept = []
        for region in regions:
            try:
                await self._ask("unregister_system_shared_memory", _WITHIN, region.name)
            except EndpointLostError:
                raise
            except InferenceError:
                kept.append(region)
        return kept
