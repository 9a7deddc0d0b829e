"""Laws of the thread that brings a stem into OBS, with a real daemon and an ear in OBS' place."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd_client import Client
from stemd_client.obs import feed as feed_module
from stemd_client.obs.feed import Feed, Wanted
from stemd_client.obs.timeline import JUMP_NS, LEAD_NS
from stemd_client.subscription import StemBlock, Subscription
from tests.clients.obs.stage import BLOCK, MARGIN, playing
from tests.clients.obs.studio import RATE
from tests.end_to_end.process import Daemon, running
from tests.waiting import until

pytestmark = pytest.mark.slow


class Ear:
    """What was pushed: samples, rate, when due, when it came."""

    def __init__(self) -> None:
        self.pushed: list[tuple[Float32Array, int, int, int]] = []

    def __call__(self, samples: Float32Array, rate: int, due_ns: int) -> None:
        self.pushed.append((samples, rate, due_ns, time.monotonic_ns()))


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running(MARGIN) as daemon:
        yield daemon


@contextmanager
def feeding(ear: Ear, wanted: Wanted, gain: float = 1.0) -> Iterator[Feed]:
    feed = Feed(ear, wanted, gain)
    try:
        yield feed
    finally:
        feed.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "stemd-obs"]


def tone() -> Float32Array:
    """Half of full scale, for as long as it takes."""
    return np.full((2, RATE), 0.5, np.float32)


async def test_blocks_are_due_one_after_the_other_and_come_before_they_are(daemon: Daemon) -> None:
    ear = Ear()
    with feeding(ear, Wanted(daemon.address, "", "mix")) as feed:
        async with playing(daemon.address, tone(), "mix"):
            await until(lambda: len(ear.pushed) > 100, "100 blocks came")
            assert feed.state.text.startswith("playing desk/mix at 48000 Hz")
            assert feed.state.streams == ("desk",)
            assert feed.state.stems == ("vocals", "mix", "instrumental", "out")
        await until(lambda: feed.state.text == "connected; no stream is open yet", "it waits for the next stream")
        assert feed.state.stems == ("instrumental", "mix", "out")
    dues = np.array([due for _, _, due, _ in ear.pushed])
    assert (np.abs(np.diff(dues) - BLOCK * 1_000_000_000 // RATE) <= 1).all()
    ahead = np.array([due - came for _, _, due, came in ear.pushed])
    assert 0 < np.median(ahead) <= LEAD_NS


async def test_a_clock_that_drifts_away_from_this_hosts_is_followed(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of another host: here both clocks are one, so what the pings tell is said in their place."""
    ahead_ns = [0]

    async def told(client: Client) -> int:
        return ahead_ns[0]

    monkeypatch.setattr(feed_module, "_clock_offset", told)
    monkeypatch.setattr(feed_module, "_CLOCK", 1)
    ear = Ear()
    with feeding(ear, Wanted(daemon.address, "desk", "mix")):
        async with playing(daemon.address, tone(), "mix"):
            await until(lambda: len(ear.pushed) > 20, "it plays")
            ahead_ns[0] = 2 * JUMP_NS
            await until(lambda: largest_step(ear) < -JUMP_NS, "what is due comes so much sooner by this host's clock")


def largest_step(ear: Ear) -> int:
    """By how much a block was due sooner than the one before promised, at most; negative, in ns."""
    dues = np.array([due for _, _, due, _ in ear.pushed])
    return int(np.diff(dues).min()) - BLOCK * 1_000_000_000 // RATE


async def test_a_gain_is_taken_up_without_a_click_and_another_stem_at_once(daemon: Daemon) -> None:
    ear = Ear()
    with feeding(ear, Wanted(daemon.address, "desk", "mix")) as feed:
        async with playing(daemon.address, tone(), "mix"):
            await until(lambda: len(ear.pushed) > 20, "it plays")
            feed.gain = 0.25
            await until(lambda: ear.pushed[-1][0][0, -1] == 0.125, "the gain is there")
            sound = np.concatenate([samples for samples, *_ in ear.pushed], axis=1)
            assert np.abs(np.diff(sound, axis=1)).max() <= 0.5 / BLOCK
            feed.want(Wanted(daemon.address, "desk", "vocals"))
            await until(lambda: feed.state.text.startswith("playing desk/vocals"), "the other stem")
            feed.want(Wanted(daemon.address, "desk", "trumpet"))
            await until(lambda: "trumpet" in feed.state.text, "it says that there is none")
            feed.want(Wanted("nonsense", "desk", "mix"))
            await until(lambda: "neither ipc" in feed.state.text, "it says that this is no address")
            feed.want(Wanted(daemon.address, "desk", "mix"))
            await until(lambda: feed.state.text.startswith("playing desk/mix"), "it plays again")


async def test_what_is_wanted_as_a_block_comes_is_not_lost(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the very moment in which the wait for a block ends."""
    take = Subscription.take

    async def takes(heard: Subscription) -> StemBlock | None:
        block = await take(heard)
        if len(ear.pushed) > 20 and feed.state.text.startswith("playing desk/mix"):
            feed.want(Wanted(daemon.address, "desk", "vocals"))
        return block

    monkeypatch.setattr(Subscription, "take", takes)
    ear = Ear()
    with feeding(ear, Wanted(daemon.address, "desk", "mix")) as feed:
        async with playing(daemon.address, tone(), "mix"):
            await until(lambda: feed.state.text.startswith("playing desk/vocals"), "the other stem")
    assert len(ear.pushed) > 20


async def test_a_stream_that_is_not_in_real_time_is_not_played(daemon: Daemon) -> None:

    ear = Ear()
    with feeding(ear, Wanted(daemon.address, "file", "mix")) as feed:
        await until(lambda: "waiting for file/mix" in feed.state.text, "it waits")
        async with Client(daemon.address) as client, client.open("file", rate=RATE, timing="free") as stream:
            for _ in range(5):
                await stream.send(tone())
            await until(lambda: "timing free" in feed.state.text, "it says so")
    assert ear.pushed == []
