"""The real server and its threads, with networks that sleep: a stall, and slow work beside a realtime stream.

The networks are fakes, put in the places of the shipped one in each worker.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.config import Config, Engine, Realtime
from stemd.config import Server as Listening
from stemd.dsp.segmenter import Segment
from stemd.errors import Overloaded
from stemd.protocol import Plan
from stemd.separation.pool import Lane
from stemd.separation.threads import ThreadPool, ThreadWorker
from stemd.service.server import Server
from stemd_client import Client, StemBlock, Stream
from tests.end_to_end.process import folder
from tests.end_to_end.reference import model, recording
from tests.end_to_end.streaming import collect, headers_are_in_order, joined, listening, send
from tests.waiting import until

pytestmark = pytest.mark.slow

RATE, SIZE = 44_100, 441
PLAN = Plan(65_536, 8_192, 1_024, 2_048)
MARGIN = 0.5  # roomy: these laws are not about how busy the machine is
LOOSE = 2.0  # seconds by which a block may be late on a machine that does other things too
STALL = 3.0


class Asleep:
    """A fake network: half the mixture, after `seconds(segment)` asleep; remembers in which thread it ran."""

    stems = ("vocals",)

    def __init__(self, seconds: Callable[[Segment], float]) -> None:
        self.threads: list[str] = []
        self._seconds = seconds

    def run(self, segment: Segment) -> Float32Array:
        self.threads.append(threading.current_thread().name)
        time.sleep(self._seconds(segment))
        half: Float32Array = 0.5 * segment.mixture[np.newaxis, :, segment.span.trusted]
        return half

    def terminate(self) -> None:
        """It sleeps on."""


@asynccontextmanager
async def serving(realtime: Asleep, free: Asleep, place: Path) -> AsyncIterator[Client]:
    """A server whose lanes have these networks, and a client of it."""
    config = Config(
        server=Listening(address=f"ipc://{place}/s"), engine=Engine(threads=1), realtime=Realtime(margin=MARGIN)
    )
    async with Server(config) as server:
        pool = server._pool
        assert isinstance(pool, ThreadPool)
        for lane, network in ((Lane.REALTIME, realtime), (Lane.FREE, free)):
            worker = pool.crews[lane].seats[0].worker
            assert isinstance(worker, ThreadWorker)
            worker.loaded[model().manifest.key] = [network]
        async with Client(f"ipc://{place}/s") as client:
            yield client


async def live(client: Client, name: str, mixture: Float32Array) -> tuple[dict[str, list[StemBlock]], int, dict]:
    """Play a recording at its pace; what was heard, the latency, and the stream's state before it was closed."""
    wanted = ("mix", "vocals", "instrumental")
    subs = {stem: listening(client, name, (stem, "f32le")) for stem in wanted}
    for sub in subs.values():
        await sub.__aenter__()
    tasks = {stem: asyncio.create_task(collect(sub)) for stem, sub in subs.items()}
    async with client.open(name, rate=RATE, block=SIZE, plan=PLAN) as stream:
        began = time.monotonic()
        for at in range(0, mixture.shape[1], SIZE):
            await asyncio.sleep(began + at / RATE - time.monotonic())
            if stream.position > at:
                continue  # this process was asleep for so long that the stream went on without it
            await stream.send(mixture[:, at : at + SIZE])
        latency = stream.opened.latency
        [state] = [s for s in (await client.status())["streams"] if s["stream"] == name]
    return {stem: await task for stem, task in tasks.items()}, latency, state


async def began(client: Client) -> bool:
    """Whether a stream has given anything."""
    return any(stream["given"] for stream in (await client.status())["streams"])


def lateness(blocks: list[StemBlock], latency: int) -> list[float]:
    """By how many seconds each block came after it was due."""
    return [b.received_ns / 1e9 - b.header.capture_ns / 1e9 - latency / RATE for b in blocks]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


async def test_a_network_that_sleeps_for_three_seconds_costs_its_stems_and_nothing_else(name: str) -> None:
    mixture = recording(round(6.5 * RATE) // SIZE * SIZE, RATE)
    slept: list[int] = []

    def seconds(segment: Segment) -> float:
        if segment.span.index >= 5 and not slept:
            slept.append(segment.span.index)
            return STALL
        return 0.0

    with folder() as place:
        async with asyncio.timeout(40), serving(Asleep(seconds), Asleep(lambda _: 0.0), place) as client:
            heard, latency, state = await live(client, name, mixture)
    assert slept
    for blocks in heard.values():
        headers_are_in_order(blocks, blocks[-1].header.position + SIZE)
        assert all(-0.001 <= late < LOOSE for late in lateness(blocks, latency))
    mix, vocals, instrumental = (joined(heard[stem]) for stem in ("mix", "vocals", "instrumental"))
    assert np.abs(vocals + instrumental - mix).max() <= 2**-23
    came = np.concatenate([np.full(SIZE, "gap" not in block.header.flags) for block in heard["mix"]])
    assert np.array_equal(mix[:, came], mixture[:, : came.size][:, came])
    degraded = [block.header.position for block in heard["vocals"] if "degraded" in block.header.flags]
    begin = slept[0] * PLAN.hop
    assert degraded
    assert begin - SIZE <= degraded[0] <= begin
    assert degraded[-1] - degraded[0] >= (STALL - 1.0) * RATE - latency
    assert not [block for block in heard["mix"] if "degraded" in block.header.flags]
    assert state["degraded"] > 0
    # By itself again, within what was declared and a hop of the stall's end; generously, for a busy machine.
    over = begin + round((STALL + 1.0) * RATE) + latency + PLAN.hop
    assert not [position for position in degraded if position > over]


async def test_slow_free_work_never_runs_where_a_realtime_stream_does(name: str) -> None:
    slowly = threading.Event()  # not while it is measured
    quick, slow = Asleep(lambda _: 0.005), Asleep(lambda _: 2.5 if slowly.is_set() else 0.0)
    mixture = recording(round(3.5 * RATE) // SIZE * SIZE, RATE)
    with folder() as place:
        async with asyncio.timeout(30), serving(quick, slow, place) as client:
            concert = asyncio.create_task(live(client, name, mixture))
            while not concert.done() and not await began(client):
                pass
            before = len(slow.threads)
            slowly.set()
            async with (
                listening(client, f"{name}-free", ("vocals", "f32le")) as sub,
                client.open(f"{name}-free", rate=RATE, timing="free", plan=PLAN) as stream,
            ):
                rest = asyncio.create_task(collect(sub))
                await send(stream, mixture[:, : PLAN.hop + 4_096], 1_024)
                heard, latency, state = await concert
                slowly.clear()
                await stream.close()
                assert joined(await rest).shape[1] == PLAN.hop + 4_096
    assert len(slow.threads) > before, "nothing ran beside it"
    assert set(slow.threads) == {"stemd-free"}
    assert set(quick.threads) == {"stemd-realtime"}
    assert state["degraded"] == 0
    assert not [block for block in heard["vocals"] if "degraded" in block.header.flags]
    for blocks in heard.values():
        assert {block.header.latency for block in blocks} == {latency}
        late = sorted(lateness(blocks, latency))
        assert late[0] >= -0.001
        assert late[-1 - len(late) // 100] < 0.25


async def test_a_stream_is_refused_where_those_that_play_take_what_it_would_need() -> None:
    """Two fit by what was measured; where the first takes three times as long as it plays, there is no room."""
    takes = [0.2 * PLAN.hop / RATE]
    network = Asleep(lambda _: takes[0])

    async def play(stream: Stream) -> None:
        silence = np.zeros((2, SIZE), np.float32)
        while True:
            await stream.send(silence)
            await asyncio.sleep(SIZE / RATE)

    with folder() as place:
        async with (
            serving(network, network, place) as client,
            client.subscribe("first", "vocals"),
            client.open("first", rate=RATE, block=SIZE, plan=PLAN) as first,
        ):
            async with client.open("second", rate=RATE, block=SIZE, plan=PLAN):
                takes[0] *= 3
            playing = asyncio.create_task(play(first))

            async def is_seen() -> bool:
                [stream] = (await client.status())["streams"]
                return bool(stream["load"] > 0.55)

            await until(is_seen, "the first stream's load is seen")
            with pytest.raises(Overloaded, match="times as long now"):
                async with client.open("third", rate=RATE, block=SIZE, plan=PLAN):
                    pass
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
