import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.clients.fake import FakeDaemon, fake_daemon


@pytest.fixture
async def fake() -> AsyncIterator[tuple[FakeDaemon, str]]:
    async with fake_daemon() as (daemon, address):
        yield daemon, address
        left = [task for task in asyncio.all_tasks() if "stemd_client" in repr(task)]
        assert not left, "the client left tasks behind"
