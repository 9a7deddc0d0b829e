"""Laws of a client that outlives its daemon, by a real one that is killed and started again."""

import asyncio
import signal

import pytest

from stemd.errors import ConnectionLostError, UnknownStreamError
from stemd_client import Client, stay_connected
from tests.end_to_end.process import Daemon, folder, running


async def test_work_is_done_anew_on_the_daemon_that_comes_after_a_killed_one() -> None:
    with folder() as place:
        daemons = [Daemon(place)]
        faults: list[str] = []
        pids: list[int] = []

        async def work(client: Client) -> str:
            pids.append(daemons[-1].process.pid)
            await client.status()
            if len(pids) == 2:
                return "done"
            daemons[-1].signal(signal.SIGKILL)
            daemons[-1].wait()
            while True:
                await client.status()

        def lost(fault: ConnectionLostError) -> None:
            faults.append(str(fault))
            if len(daemons) == 1:
                daemons.append(Daemon(place))

        try:
            daemons[0].wait_until_ready()
            result = await stay_connected(work, lost, daemons[0].address, ping_interval=0.05)
            assert (result, len(set(pids))) == ("done", 2)
            assert "no longer answers" in faults[0]
            daemons[-1].stop()
        finally:
            for daemon in daemons:
                daemon.kill()


async def test_where_there_is_no_daemon_it_says_again_and_again_how_to_start_one() -> None:
    said: list[str] = []
    enough = asyncio.Event()

    def lost(fault: ConnectionLostError) -> None:
        said.append(str(fault))
        if len(said) == 3:
            enough.set()

    with folder() as place:
        waiting = asyncio.create_task(stay_connected(Client.status, lost, f"ipc://{place}/s", connect_timeout=0.05))
        await enough.wait()
        waiting.cancel()
    assert all("start one with `stemd serve`" in text for text in said)


async def test_any_other_fault_is_the_callers() -> None:
    async def work(client: Client) -> None:
        await client.set_gain("nobody", vocals=0.5)

    with running() as daemon, pytest.raises(UnknownStreamError):
        await stay_connected(work, lambda _: None, daemon.address)
