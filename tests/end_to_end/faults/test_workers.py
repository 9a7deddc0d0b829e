"""Workers that fail, hang, are killed or run out: the stream that is hit loses those segments, the others nothing.

The stream that is hit has a real network that copies, and that a single sample makes fail or hang (tests.graphs).
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import psutil
import pytest

from stemd.audio import Float32Array
from stemd.protocol import Plan, Timing
from stemd.separation.threads import NICENESS
from stemd_client import Client, StemBlock, sync
from tests.end_to_end.faults.playing import ROOMY, Playing
from tests.end_to_end.process import Daemon, folder, running
from tests.end_to_end.raw import connected
from tests.end_to_end.streaming import collect, headers_are_in_order, listening, send_in_time
from tests.graphs import DEAF, FAILS, HANGS, store, unruly_model
from tests.networks import noise
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

RATE = 44_100
HOP = 8_820  # 0.2 s
BLOCK = 441
SEGMENTS = 14
HIT = 6


def config(place: Path, workers: str) -> dict[str, object]:
    (place / "models" / "unruly").mkdir(parents=True)
    store(unruly_model(place / "models" / "unruly", frames=HOP))
    engine = {"threads": 1, "workers": workers, "hang_timeout": 3.0, "realtime_hang_timeout": 1.5}
    return {"realtime": ROOMY, "models": {"folders": [str(place / "models")]}, "engine": engine}


@pytest.fixture(scope="module")
def workers(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def daemon(workers: str) -> Iterator[Daemon]:
    with folder() as place, running(config(place, workers), home=place) as daemon:
        yield daemon


def processes(daemon: Daemon) -> list[psutil.Process]:
    return psutil.Process(daemon.process.pid).children()


def workers_of(daemon: Daemon, name: str) -> list[psutil.Process]:
    """The processes of a lane: those of the free one are niced."""
    niceness = os.nice(0) + (0 if name == "realtime" else NICENESS)
    return [worker for worker in processes(daemon) if worker.nice() == niceness]


def lane(daemon: Daemon, name: str = "realtime") -> dict[str, float]:
    with sync.Client(daemon.address) as client:
        found: dict[str, float] = client.status()["workers"][name]
        return found


async def play(daemon: Daemon, mixture: Float32Array, timing: Timing) -> list[StemBlock]:
    """Play a stream through the unruly network, at its pace where it is a realtime one."""
    async with Client(daemon.address) as client, listening(client, "hit", ("s0", "f32le")) as subscription:
        heard = asyncio.create_task(collect(subscription))
        plan = Plan(HOP, HOP, 0, 0)
        async with client.open("hit", rate=RATE, block=BLOCK, timing=timing, plan=plan, model="unruly") as stream:
            await send_in_time(stream, mixture, RATE, BLOCK, timing)
        return await heard


def hit(daemon: Daemon, sample: float, timing: Timing = "realtime") -> tuple[list[StemBlock], Float32Array]:
    """What is heard of a stream in whose segment HIT one sample is another, and what was played."""
    mixture = noise(SEGMENTS * HOP, seed=5)
    mixture[0, HIT * HOP + HOP // 2] = sample
    return asyncio.run(play(daemon, mixture, timing)), mixture


def check(heard: list[StemBlock], mixture: Float32Array, degraded: set[int]) -> None:
    """No hole; these segments are flagged, no others, and in all others each sample that was sent in time is there."""
    headers_are_in_order(heard, mixture.shape[1])
    for block in heard:
        at, flagged = block.header.position, "degraded" in block.header.flags
        assert flagged == (at // HOP in degraded), f"segment {at // HOP}"
        silent = flagged or "gap" in block.header.flags
        expected = np.zeros_like(block.samples) if silent else mixture[:, at : at + block.header.frames]
        assert np.array_equal(block.samples, expected), f"segment {at // HOP}"


@pytest.mark.parametrize("timing", ["realtime", "free"])
@pytest.mark.parametrize(
    ("workers", "sample"),
    [
        pytest.param("threads", FAILS, id="threads-fails"),
        pytest.param("threads", HANGS, id="threads-hangs"),
        pytest.param("processes", FAILS, id="processes-fails"),
        pytest.param("processes", HANGS, id="processes-hangs"),
        pytest.param("processes", DEAF, id="processes-hangs and hears nothing"),
    ],
    indirect=["workers"],
)
def test_a_network_that_goes_wrong_costs_its_segment_alone(
    daemon: Daemon, others: Playing, sample: float, timing: Timing
) -> None:
    name = "realtime" if timing == "realtime" else "free"
    before = lane(daemon, name)
    heard, mixture = hit(daemon, sample, timing=timing)
    check(heard, mixture, {HIT})
    after = wait_until(lambda: (now := lane(daemon, name))["oldest"] < 1.0 and now, "nothing hangs any more")
    assert after["hung"] == before["hung"] + (sample != FAILS)
    assert after["answers"]
    if sample == DEAF:
        wait_until(lambda: lane(daemon, name)["restarts"] > before["restarts"], "the worker is replaced")


only_processes = pytest.mark.parametrize("workers", ["processes"], indirect=True)


@only_processes
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_is_killed_while_it_hangs_costs_that_segment_alone(
    daemon: Daemon, others: Playing, number: signal.Signals
) -> None:
    before, found = lane(daemon, "free"), []
    playing = Thread(target=lambda: found.append(hit(daemon, HANGS, timing="free")))
    playing.start()
    wait_until(lambda: lane(daemon, "free")["oldest"] > 0.3, "it hangs")
    [victim] = workers_of(daemon, "free")
    victim.send_signal(number)
    playing.join()
    check(*found[0], {HIT})
    after = lane(daemon, "free")
    assert after["lost"] == before["lost"] + 1
    assert after["hung"] == before["hung"] + 1, "it was tried once more"


@only_processes
@pytest.mark.parametrize("name", ["realtime", "free"])
def test_a_worker_that_is_killed_while_streams_play_costs_no_frame(daemon: Daemon, others: Playing, name: str) -> None:
    """Each of a lane's in turn: the one that works for `others`, and the one that stands by."""
    victims = workers_of(daemon, name)
    assert len(victims) == {"realtime": 2, "free": 1}[name]
    for victim in victims:
        before, played = lane(daemon, name), others.played
        victim.kill()
        wait_until(lambda b=before: lane(daemon, name)["restarts"] > b["restarts"], "another takes its place")
        wait_until(lambda p=played: others.played > p + 48_000, "a second more was played")
    assert lane(daemon, name)["answers"]
    assert not set(victims) & set(processes(daemon))


def test_a_daemon_that_stops_takes_its_workers_with_it_and_onnxruntime_was_never_in_it() -> None:
    with folder() as place, running(config(place, "processes"), home=place) as daemon:
        maps = Path(f"/proc/{daemon.process.pid}/maps").read_text()
        assert "onnxruntime" not in maps
        workers = processes(daemon)
        assert len(workers) == 3
        for worker in workers:  # a service manager tells all processes of a service
            worker.terminate()
        heard, mixture = hit(daemon, 0.0)
        check(heard, mixture, set())
        daemon.stop()
    assert not any(worker.is_running() for worker in workers)


def test_threads_that_hear_nothing_are_replaced_twice_then_the_daemon_asks_to_be_started_again() -> None:
    with folder() as place:
        daemon = Daemon(place, config(place, "threads"))
        try:
            daemon.wait_until_ready()
            heard, mixture = hit(daemon, DEAF, timing="free")
            check(heard, mixture, {HIT})
            assert lane(daemon, "free") | {"oldest": 0, "waiting": 0} == {
                "waiting": 0,
                "oldest": 0,
                "hung": 1,
                "lost": 0,
                "restarts": 1,
                "answers": True,
            }
            heard, mixture = hit(daemon, DEAF, timing="free")
            check(heard, mixture, {HIT})
            with connected(daemon.address) as raw:
                raw.opened("last", plan=Plan(HOP, HOP, 0, 0), model="unruly", block=HOP)
                raw.listen("last", "s0")
                raw.mixture("last", 0, np.full((2, HOP), DEAF, np.float32))
                assert daemon.wait() == 70
            assert "only a restart helps" in daemon.errors()
            assert "Traceback" not in daemon.errors()
        finally:
            daemon.kill()
