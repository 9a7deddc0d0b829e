"""A realtime stream whose network stalls or fails: its timeline goes on, what leaves is flagged, and still sums up."""

import asyncio
from concurrent.futures import Future

import numpy as np
import pytest

from stemd.audio import Float32Array, decode_pcm, encode_pcm
from stemd.config import Config
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, StemdError
from stemd.protocol import Mixture, Open, Stem, Subscribe
from stemd.separation.pool import Course, Estimate, Lane, NetworkId
from stemd.separation.store import find
from stemd.service.promise import Promise
from stemd.service.stream import Stream
from stemd.service.subscription import Subscription
from tests.networks import noise

RATE, BLOCK = 44_100, 441
PLAN = WindowPlan(65_536, 4_096, 1_024, 2_048)
STEMS = ("vocals", "instrumental", "mix")


class FakePool:
    """A fake: half the mixture at once as vocals, but segments in `stalled` never come and those in `broken` raise."""

    def __init__(self, stalled: set[int], broken: set[int]) -> None:
        self.stalled, self.broken = stalled, broken
        self.late: list[tuple[Future[Estimate], Segment]] = []

    def submit(
        self, network: NetworkId, segment: Segment, lane: Lane, deadline_ns: int, rank: int = 0
    ) -> "Future[Estimate]":
        assert (network.index, lane) == (0, Lane.REALTIME)
        assert deadline_ns > 0
        future: Future[Estimate] = Future()
        future.set_running_or_notify_cancel()  # so that, as with a real worker, it can no longer be cancelled
        if segment.span.index in self.stalled:
            self.late.append((future, segment))
        elif segment.span.index in self.broken:
            future.set_exception(InferenceError("the network failed: on purpose"))
        else:
            future.set_result(estimate(segment))
        return future


def estimate(segment: Segment) -> Estimate:
    return Estimate(0.5 * segment.mixture[np.newaxis, :, segment.span.trusted], Course(0, 0, 1_000_000, 1_000_000))


class Events:
    def __init__(self) -> None:
        self.ending: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.faults: list[StemdError] = []

    def unread(self, stream: Stream) -> bool:
        return False

    def granted(self, stream: Stream, until: int) -> None: ...

    def dropped(self, subscription: Subscription, fault: StemdError) -> None:
        self.faults.append(fault)

    def failed(self, stream: Stream, fault: StemdError) -> None:
        self.faults.append(fault)

    def ended(self, stream: Stream, *, cut: bool) -> None:
        self.ending.set_result(cut)


async def play(
    pool: FakePool, mixture: Float32Array
) -> tuple[dict[str, list[tuple[Stem, Float32Array]]], Events, Stream]:
    """Play a mixture at real-time pace through a stream with this pool; all that was received, by stem."""
    events = Events()
    request = Open(1, "desk", RATE, 2, "f32le", BLOCK, "realtime", None, None, None)
    latency = PLAN.latency + BLOCK + int(0.03 * RATE)
    stream = Stream(Promise(request, find("spleeter-vocals"), PLAN, ("vocals",), latency), "me", pool, Config(), events)
    heard: dict[str, list[tuple[Stem, Float32Array]]] = {stem: [] for stem in STEMS}
    for number, stem in enumerate(STEMS):

        def send(header: Stem, pcm: bytes, stem: str = stem) -> bool:
            heard[stem].append((header, decode_pcm(pcm, 2, "f32le")))
            return True

        stream.subscribe(Subscription(number, "me", Subscribe(1, "desk", stem, "f32le", "lossless", 4_096), send))
    began = asyncio.get_running_loop().time()
    for position in range(0, mixture.shape[1], BLOCK):
        await asyncio.sleep(began + position / RATE - asyncio.get_running_loop().time())
        stream.take(
            Mixture("desk", position, None), memoryview(encode_pcm(mixture[:, position : position + BLOCK], "f32le"))
        )
    stream.close()
    async with asyncio.timeout(10):
        await events.ending
    return heard, events, stream


def whole(blocks: list[tuple[Stem, Float32Array]]) -> Float32Array:
    return np.concatenate([samples for _, samples in blocks], axis=1)


@pytest.mark.parametrize("how", ["stalled", "broken"])
async def test_the_timeline_goes_on_and_what_leaves_is_flagged_and_sums_up(how: str) -> None:
    mixture = noise(50 * BLOCK)
    bad = {1, 2}
    pool = FakePool(bad if how == "stalled" else set(), bad if how == "broken" else set())
    heard, events, stream = await play(pool, mixture)
    for stem, blocks in heard.items():
        assert [h.position for h, _ in blocks] == [*range(0, 50 * BLOCK, BLOCK), 50 * BLOCK], stem
        assert "end" in blocks[-1][0].flags
        assert "cut" not in blocks[-1][0].flags
    vocals, instrumental = whole(heard["vocals"]), whole(heard["instrumental"])
    assert np.array_equal(whole(heard["mix"]), mixture)
    assert np.abs(vocals + instrumental - mixture).max() <= 2**-23
    lost = slice(PLAN.hop + PLAN.overlap, 3 * PLAN.hop)
    assert not vocals[:, lost].any()
    assert np.array_equal(instrumental[:, lost], mixture[:, lost])
    kept = [slice(0, PLAN.hop), slice(3 * PLAN.hop + PLAN.overlap, 50 * BLOCK)]
    assert all(np.allclose(vocals[:, part], 0.5 * mixture[:, part], atol=1e-6) for part in kept)
    reached = (PLAN.hop, 3 * PLAN.hop + PLAN.overlap)
    for stem in ("vocals", "instrumental"):
        for header, _ in heard[stem][:-1]:
            inside = header.position < reached[1] and header.position + header.frames > reached[0]
            assert ("degraded" in header.flags) == inside, header
    assert not any("degraded" in header.flags for header, _ in heard["mix"])
    counted = sum("degraded" in header.flags for header, _ in heard["vocals"])
    assert stream.state()["degraded"] == counted
    assert stream.state()["failures"] == (2 if how == "broken" else 0)
    assert len(events.faults) == (2 if how == "broken" else 0)


async def test_an_estimate_that_comes_too_late_changes_nothing() -> None:
    mixture = noise(30 * BLOCK)
    pool = FakePool({1}, set())
    heard, _, stream = await play(pool, mixture)
    before = whole(heard["vocals"])
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    for future, segment in pool.late:
        future.set_result(estimate(segment))
    await asyncio.sleep(0)
    assert np.array_equal(whole(heard["vocals"]), before)
    assert not faults
    assert stream.over
