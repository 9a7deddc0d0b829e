"""Laws of the connection: silence, versions, faults, clocks. Only a fake daemon can be made to do these things."""

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest

from stemd.errors import (
    BlockError,
    ConfigError,
    ConnectionLostError,
    ProtocolError,
)
from stemd.keys import OwnKey, Pair, write_own
from stemd.protocol import (
    MAJOR,
    Bye,
    Close,
    Fault,
    Hello,
    Mixture,
    Stem,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Welcome,
)
from stemd_client import Client, sync
from tests.clients.fake import fake_daemon, stem

PCM = bytes(4 * 8)  # four stereo frames of silence in float32
INTERVAL = 0.05


def silence(frames: int, channels: int = 2) -> np.ndarray:
    return np.zeros((channels, frames), np.float32)


# A daemon that falls silent.


async def test_everything_that_waits_hears_of_a_silent_daemon_within_three_intervals(fake) -> None:
    daemon, address = fake
    daemon.until = 0
    daemon.scripts.pop(Close)
    async with Client(address, ping_interval=INTERVAL) as client:
        stream = await client.open("desk", timing="free").__aenter__()
        heard = await client.subscribe("desk", "a").__aenter__()
        waits = [client.status(), stream.send(silence(8)), heard.take(), stream.close(), client.ping()]
        daemon.scripts.clear()
        started = time.monotonic()
        results = await asyncio.gather(*waits, return_exceptions=True)
        assert [type(result) for result in results] == [ConnectionLostError] * 5
        assert time.monotonic() - started < 4.5 * INTERVAL  # up to one passes before the first that is missed
        assert len(set(map(id, results))) == 5
        for call in (client.status, client.ping, lambda: stream.send(silence(8)), heard.take):
            with pytest.raises(ConnectionLostError, match="no longer answers"):
                await call()


async def test_a_program_that_blocks_its_own_loop_loses_nobody(fake) -> None:
    _, address = fake
    async with Client(address, ping_interval=INTERVAL) as client:
        time.sleep(6 * INTERVAL)  # noqa: ASYNC251 - the point
        await asyncio.sleep(6 * INTERVAL)
        assert await client.status() == {"fake": True}


async def test_no_daemon_is_one_line_that_says_what_to_do(tmp_path) -> None:
    started = time.monotonic()
    with pytest.raises(ConnectionLostError, match=r"no daemon answers at ipc://.*; start one with `stemd serve`"):
        async with Client(f"ipc://{tmp_path}", connect_timeout=0.1):
            pass
    assert time.monotonic() - started < 1
    with pytest.raises(ConfigError):
        Client("somewhere")


async def test_leaving_a_client_whose_daemon_is_gone_does_not_wait(fake) -> None:
    daemon, address = fake
    async with Client(address, ping_interval=INTERVAL) as client:
        stream = await client.open("desk").__aenter__()
        daemon.scripts.clear()
        await asyncio.sleep(5 * INTERVAL)
        with pytest.raises(ConnectionLostError):
            await stream.__aexit__(None, None, None)
        started = time.monotonic()
    assert time.monotonic() - started < 0.1


# A daemon from another time.


@pytest.mark.parametrize(
    "answer",
    [
        lambda m: [Fault("protocol", "protocol 2 is wanted", m.request, None, None)],
        lambda m: [Welcome(m.request, MAJOR + 1, 0, "fake", "s1", ())],
    ],
    ids=["which refuses", "which greets"],
)
async def test_a_daemon_of_another_major_version_is_refused(fake, answer) -> None:
    daemon, address = fake
    daemon.scripts[Hello] = answer
    with pytest.raises(ProtocolError, match="protocol 2"):
        async with Client(address):
            pass


async def test_a_message_that_breaks_the_protocol_ends_the_connection(fake) -> None:
    daemon, address = fake
    async with Client(address) as client:
        await daemon.requests.send_multipart([daemon.peers[daemon.requests], b"state", b"\xc1", b""])
        with pytest.raises(ProtocolError, match="state: header is not msgpack"):
            await client.subscribe("desk", "a").__aenter__()


async def test_a_fault_about_nothing_in_particular_ends_the_connection(fake) -> None:
    daemon, address = fake
    async with Client(address) as client, client.subscribe("desk", "a") as heard:
        await daemon.send(Fault("protocol", "say hello first", None, None, None))
        with pytest.raises(ProtocolError, match="say hello first"):
            await heard.take()


async def test_bye_leaves_before_the_sockets_close(fake) -> None:
    daemon, address = fake
    for _ in range(5):
        async with Client(address):
            pass
    assert len(await daemon.until_came(Bye, 5)) == 5


async def test_ping_gives_the_four_timestamps(fake) -> None:
    _, address = fake
    async with Client(address) as client:
        clocks = [await client.ping() for _ in range(20)]
    for clock in clocks:
        assert clock.sent_ns <= clock.received_ns <= clock.answered_ns <= clock.arrived_ns
        assert abs(clock.offset_ns) <= clock.round_trip_ns / 2 + 1  # one host, one clock
    assert len({clock.sent_ns for clock in clocks}) == 20


# The other ways to use it.


async def test_received_is_the_time_of_the_receive_call(fake) -> None:
    daemon, address = fake
    async with Client(address) as client, client.subscribe("desk", "a") as heard:
        before = time.monotonic_ns()
        await daemon.send(stem(0), PCM)
        await asyncio.sleep(0.1)
        block = await heard.take()
        assert before < block.received_ns < before + 50_000_000


def test_it_works_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def session() -> None:
        async with fake_daemon() as (daemon, address), Client(address) as client:
            async with client.open("desk") as stream, client.subscribe("desk", "a") as heard:
                await stream.send(silence(2000))
                await daemon.until_came(Mixture, 3)
                await daemon.send(stem(0), PCM)
                await daemon.send(stem(1, "end"))
                assert [block.samples.shape async for block in heard] == [(2, 4)]
            await client.ping()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(session())


async def test_the_synchronous_client_has_the_same_words(fake) -> None:
    daemon, address = fake
    daemon.scripts[Subscribe] = lambda m: [Subscribed(m.request, 7, 0), *(stem(i, frames=0) for i in range(3))]

    def session() -> list[int]:
        with sync.Client(address) as client:
            assert client.status() == {"fake": True}
            assert client.ping().round_trip_ns > 0
            with client.open("desk", block=4) as stream:
                assert stream.opened.latency == 1000
                stream.send(silence(10))
                stream.gap(5)
                assert stream.position == 15
                with pytest.raises(BlockError):
                    stream.send(np.full((2, 1), np.nan, np.float32))
            heard = []
            for block in client.subscribe("desk", "a"):
                heard.append(block.header.sequence)
                if len(heard) == 2:
                    break
            with client.subscribe("desk", "a") as again:
                assert again.position == 0
                left_open = iter(again)
                next(left_open)
        with pytest.raises(RuntimeError, match="not connected"):
            client.status()
        return heard

    assert await asyncio.to_thread(session) == [0, 1]
    assert len(await daemon.until_came(Unsubscribe, 2)) == 2
    assert isinstance(stem(0), Stem)


@pytest.mark.parametrize("address", ["tcp://stage:7355", "tcp://192.0.2.1:7355", "tcp://127.0.0.1.example:7355"])
def test_without_a_key_nothing_is_said_to_whoever_answers_beyond_this_machine(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encryption is what such a daemon never does without: in clear there is only somebody else to talk to."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("STEMD_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"lets in none but .*stemd keys new.*--key"):
        Client(address)
    Client("tcp://127.0.0.1:7355")
    write_own(tmp_path / "stemd" / "keys" / "desk.toml", OwnKey("desk", Pair.new(), Pair.new().public, address))
    Client(address)
