"""Laws of what pages see and do, by real pages' messages and a real daemon."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient, TestServer

from stemd_client import Client
from stemd_client.web.app import make_app
from stemd_client.web.blocks import HEADER
from stemd_client.web.settings import Settings
from tests.clients.web.performing import RATE, ROOMY, SIZE, playing
from tests.end_to_end.process import Daemon, folder
from tests.waiting import until

State = dict[str, Any]
PATIENCE = 30.0


class Page:
    """What a page is to the server: a WebSocket."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket

    async def order(self, **words: object) -> None:
        """Send an order."""
        await self._socket.send_json(words)

    async def told(self, kind: str, wanted: Callable[[State], bool] = lambda _: True) -> State:
        """The next message of this kind that is as wanted."""
        async with asyncio.timeout(PATIENCE):
            while True:
                words = await self._socket.receive_json()
                if words["kind"] == kind and wanted(words):
                    return words

    async def stream(self, wanted: Callable[[State], bool]) -> State:
        """The stream, once it is as wanted."""
        state = await self.told("state", lambda words: any(map(wanted, words["streams"])))
        return next(filter(wanted, state["streams"]))


class Web:
    """A server of this process."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    @asynccontextmanager
    async def socket(self, path: str) -> AsyncIterator[ClientWebSocketResponse]:
        """A WebSocket of a page that came from here."""
        origin = str(self.client.make_url("")).rstrip("/")
        async with self.client.ws_connect(path, headers={"Origin": origin}) as socket:
            yield socket

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A page."""
        async with self.socket("/state") as socket:
            yield Page(socket)


@asynccontextmanager
async def serving(address: str) -> AsyncIterator[Web]:
    """Serve for a daemon."""
    async with TestClient(TestServer(make_app(Settings(address, "127.0.0.1", 0, None, browser=False)))) as client:
        yield Web(client)


async def stream_of(client: Client) -> State:
    [stream] = (await client.status())["streams"]
    return stream


async def test_what_one_page_turns_the_daemon_does_and_another_page_sees(daemon: Daemon) -> None:
    async with playing(daemon.address), serving(daemon.address) as web, web.page() as one, web.page() as other:
        await one.order(order="gain", stream="desk", part="vocals", gain=0.25)
        await other.stream(lambda stream: stream["gains"] == {"vocals": 0.25, "rest": 1.0})
        await one.order(order="mute", stream="desk", part="rest", on=True)
        await other.stream(lambda stream: stream["mute"] == ["rest"])
        await other.order(order="mute", stream="desk", part="vocals", on=True)
        await one.stream(lambda stream: sorted(stream["mute"]) == ["rest", "vocals"])
        await one.order(order="mute", stream="desk", part="rest", on=False)
        await one.order(order="solo", stream="desk", part="rest", on=True)
        await one.order(order="wet", stream="desk", wet=0.5)
        await one.order(order="bypass", stream="desk", on=True)
        seen = await other.stream(lambda stream: stream["bypass"])
        async with Client(daemon.address) as client:
            done = await stream_of(client)
        for controls in (seen, done):
            assert (controls["mute"], controls["solo"], controls["wet"]) == (["vocals"], ["rest"], 0.5)


async def test_what_cannot_be_done_is_told_to_who_asked(daemon: Daemon) -> None:
    async with playing(daemon.address), serving(daemon.address) as web, web.page() as page:
        await page.stream(lambda stream: stream["stream"] == "desk")
        for order in (
            {"order": "gain", "stream": "desk", "part": "tuba", "gain": 1},
            {"order": "mute", "stream": "nobody", "part": "vocals", "on": True},
            {"order": "bypass", "stream": "nobody", "on": True},
            {"order": "what"},
        ):
            await page.order(**order)
            assert (await page.told("error"))["text"]
        await page.order(order="bypass", stream="desk", on=True)
        await page.stream(lambda stream: stream["bypass"])


@pytest.mark.slow
async def test_meters_run_while_somebody_looks_at_them_and_no_longer(daemon: Daemon) -> None:
    async with playing(daemon.address), Client(daemon.address) as client, serving(daemon.address) as web:

        async def nobody_hears() -> bool:
            return not (await stream_of(client))["subscriptions"]

        async with web.page() as page:
            await page.stream(lambda stream: stream["stream"] == "desk")
            assert await nobody_hears()
            await page.order(order="watch", looking=True, meters=["desk"])
            stream = await page.stream(lambda stream: {"vocals", "rest", "mix", "out"} <= stream["levels"].keys())
            assert stream["levels"]["rest"] == stream["levels"]["instrumental"]
            await page.order(order="watch", looking=False, meters=["desk"])
            await until(nobody_hears, "nobody subscribes")
            await page.order(order="watch", looking=True, meters=["desk"])
            await page.stream(lambda stream: "vocals" in stream["levels"])
        await until(nobody_hears, "nobody subscribes")


@pytest.mark.slow
async def test_listeners_of_a_stem_share_one_subscription(daemon: Daemon) -> None:
    async with playing(daemon.address), Client(daemon.address) as client, serving(daemon.address) as web:
        path = "/hear?stream=desk&stem=mix"
        async with web.socket(path) as one, web.socket(path) as other:
            for socket in (one, other):
                async with asyncio.timeout(PATIENCE):
                    while not isinstance((await socket.receive()).data, bytes):
                        pass
            assert len((await stream_of(client))["subscriptions"]) == 1


@pytest.mark.slow
async def test_a_browser_that_stops_reading_loses_the_oldest_and_is_told_how_much(daemon: Daemon) -> None:
    async with (
        playing(daemon.address),
        Client(daemon.address) as client,
        serving(daemon.address) as web,
        web.socket("/hear?stream=desk&stem=mix") as socket,
    ):
        heads = [await heading(socket)]

        async def eight_seconds_more() -> bool:
            return (await stream_of(client))["given"] > heads[0].position + 8 * RATE

        await until(eight_seconds_more, "eight seconds more were played")
        while not heads[-1].dropped:
            heads.append(await heading(socket))
    jump = heads[-1].position - heads[-2].position - SIZE
    assert jump == heads[-1].dropped * SIZE
    # What had waited on the way, here and in both kernels, is less than what was lost.
    assert len(heads) < 5 * RATE / SIZE


@dataclass(frozen=True)
class Heading:
    position: int
    dropped: int


async def heading(socket: ClientWebSocketResponse) -> Heading:
    """Of the next block."""
    async with asyncio.timeout(PATIENCE):
        while not isinstance(data := (await socket.receive()).data, bytes):
            pass
    fields = HEADER.unpack_from(data)
    return Heading(position=fields[5], dropped=fields[9])


async def test_who_listens_to_a_stem_that_is_not_there_is_told_so(daemon: Daemon) -> None:
    async with (
        playing(daemon.address),
        serving(daemon.address) as web,
        web.socket("/hear?stream=desk&stem=tuba") as socket,
    ):
        told = [message.json() async for message in socket]
        assert (told[-1]["kind"], "tuba" in told[-1]["text"]) == ("fault", True)


@pytest.mark.slow
async def test_page_and_listener_go_on_when_a_killed_daemon_is_back() -> None:
    with folder() as place:
        daemons = [Daemon(place, ROOMY)]
        try:
            daemons[0].wait_until_ready()
            async with (
                serving(daemons[0].address) as web,
                web.page() as page,
                web.socket("/hear?stream=desk&stem=mix") as ear,
            ):
                await page.told("state")
                daemons[0].signal(signal.SIGKILL)
                daemons[0].wait()
                assert "start one with `stemd serve`" in (await page.told("gone", has_line("stemd serve")))["text"]
                daemons.append(Daemon(place, ROOMY))
                daemons[1].wait_until_ready()
                await page.told("state")
                async with playing(daemons[1].address):
                    async with asyncio.timeout(PATIENCE):
                        while not isinstance((await ear.receive()).data, bytes):
                            pass
                    await page.order(order="bypass", stream="desk", on=True)
                    await page.stream(lambda stream: stream["bypass"])
                await page.told("state", lambda words: not words["streams"])
            daemons[1].stop()
        finally:
            for daemon in daemons:
                daemon.kill()


def has_line(text: str) -> Callable[[State], bool]:
    return lambda words: text in words["text"]
