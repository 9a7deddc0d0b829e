"""Blocks that cannot be used: refused, late, early, too large, for a stream that is another's or nobody's."""

from collections.abc import Callable

import numpy as np
import pytest

from stemd.audio import Float32Array, encode_pcm
from stemd.protocol import MAX_BLOCK, Closed, Fault, Mixture
from tests.end_to_end.raw import BLOCK, Heard, Raw
from tests.end_to_end.reference import offline, recording

BLOCKS = 52
RATE = 44_100


@pytest.fixture(scope="module")
def mixture() -> Float32Array:
    return recording(BLOCKS * BLOCK, RATE, seed=3)


class Desk:
    """A free stream whose vocals and mix are listened to, fed by hand."""

    def __init__(self, raw: Raw, name: str) -> None:
        self.raw, self.name = raw, name
        self.opened = raw.opened(name, rate=RATE)
        self.vocals, self.mix = raw.listen(name, "vocals"), raw.listen(name, "mix")

    def send(self, at: int, samples: Float32Array) -> None:
        self.raw.mixture(self.name, at, samples)

    def send_pcm(self, at: int, pcm: bytes) -> None:
        self.raw.post(Mixture(self.name, at, None), pcm)

    def refused(self) -> Fault:
        fault = self.raw.fault("block")
        assert (fault.stream, fault.request, fault.subscription) == (self.name, None, None)
        return fault

    def counters(self) -> tuple[int, int, int]:
        state = self.raw.stream(self.name)
        assert state
        return state["gaps"], state["late"], state["refused"]

    def finish(self, length: int) -> tuple[Heard, Heard]:
        self.raw.closing(self.name)
        vocals, mix = self.raw.take_until_end(self.vocals, self.mix)
        closed = self.raw.until(lambda message: isinstance(message, Closed))
        assert (closed.position, closed.cut) == (length, False)
        return vocals, mix


@pytest.fixture
def desk(raw: Raw, name: str) -> Desk:
    return Desk(raw, name)


def holds(heard: tuple[Heard, Heard], mixture: Float32Array, gaps: set[int]) -> None:
    """The law: what came is the mixture and its separation, each block in its place, and gaps are flagged, no more."""
    vocals, mix = heard
    assert np.array_equal(mix.samples, mixture)
    assert np.array_equal(vocals.samples, offline(mixture, RATE))
    for one in heard:
        ends = [header.position + header.frames for header in one.headers]
        assert [header.position for header in one.headers] == [0, *ends[:-1]]
        assert [header.sequence for header in one.headers] == list(range(len(ends)))
        assert {header.position for header in one.headers if "gap" in header.flags} == gaps
        assert not any({"degraded", "cut"} & set(header.flags) for header in one.headers)
        assert one.end is not None
        assert (one.end.position, one.end.flags) == (mixture.shape[1], ("end",))


def spoilt(samples: Float32Array, value: float) -> Float32Array:
    copy = samples.copy()
    copy[1, 700] = value
    return copy


def without(mixture: Float32Array, blocks: set[int]) -> Float32Array:
    silent = mixture.copy()
    for k in blocks:
        silent[:, k * BLOCK : (k + 1) * BLOCK] = 0
    return silent


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_block_with_nan_or_infinity_becomes_a_gap(desk: Desk, mixture: Float32Array, value: float) -> None:
    bad = {0, 20, 21, 40}
    for k in range(BLOCKS):
        block = mixture[:, k * BLOCK : (k + 1) * BLOCK]
        desk.send(k * BLOCK, spoilt(block, value) if k in bad else block)
    for k in sorted(bad):
        assert f"block at {k * BLOCK} has NaN or infinity; it becomes a gap" in desk.refused().text
    assert desk.counters() == (3, 0, 4)
    holds(desk.finish(BLOCKS * BLOCK), without(mixture, bad), {k * BLOCK for k in bad})


@pytest.mark.parametrize(
    ("pcm", "text"),
    [
        (bytes(BLOCK * 8 - 1), "8191 bytes are not a whole number of 8-byte frames"),
        (bytes(BLOCK * 8 - 4), "not a whole number"),
        (b"\0", "not a whole number"),
        (bytes((BLOCK + 1) * 8), f"has {BLOCK + 1} frames"),
        (bytes(MAX_BLOCK * 8), f"has {MAX_BLOCK} frames"),
        (bytes((MAX_BLOCK + 1) * 8), f"has {MAX_BLOCK + 1} frames"),
        (bytes(15 * 2**20), f"has {15 * 2**17} frames"),
    ],
)
def test_a_block_of_the_wrong_size_becomes_a_gap(desk: Desk, mixture: Float32Array, pcm: bytes, text: str) -> None:
    for k in range(BLOCKS):
        if k == 10:
            desk.send_pcm(k * BLOCK, pcm)
        else:
            desk.send(k * BLOCK, mixture[:, k * BLOCK : (k + 1) * BLOCK])
    assert text in desk.refused().text
    holds(desk.finish(BLOCKS * BLOCK), without(mixture, {10}), {10 * BLOCK})


@pytest.mark.parametrize(("missing", "gaps"), [({5}, 1), ({0, 1}, 1), ({5, 6, 7, 30}, 2), (set(range(7, 25)), 1)])
def test_what_never_came_is_silence_that_is_flagged(
    desk: Desk, mixture: Float32Array, missing: set[int], gaps: int
) -> None:
    for k in range(BLOCKS):
        if k not in missing:
            desk.send(k * BLOCK, mixture[:, k * BLOCK : (k + 1) * BLOCK])
    assert desk.counters() == (gaps, 0, 0)
    holds(desk.finish(BLOCKS * BLOCK), without(mixture, missing), {k * BLOCK for k in missing})


def test_a_gap_that_is_no_multiple_of_a_block_keeps_every_later_position(desk: Desk, mixture: Float32Array) -> None:
    first, resumes = 10 * BLOCK, 12 * BLOCK + 345
    desk.raw.feed(desk.name, mixture[:, :first])
    desk.raw.feed(desk.name, mixture[:, resumes:], start=resumes)
    silent = mixture.copy()
    silent[:, first:resumes] = 0
    assert desk.counters() == (1, 0, 0)
    holds(desk.finish(BLOCKS * BLOCK), silent, {10 * BLOCK, 11 * BLOCK, 12 * BLOCK})


def test_a_late_block_is_dropped_and_counted(desk: Desk, mixture: Float32Array) -> None:
    desk.raw.feed(desk.name, mixture[:, : 20 * BLOCK])
    for position in (0, 19 * BLOCK, 20 * BLOCK - 1):
        desk.send(position, np.ones((2, BLOCK), np.float32))
    assert desk.counters() == (0, 3, 0)
    desk.raw.feed(desk.name, mixture[:, 20 * BLOCK :], start=20 * BLOCK)
    holds(desk.finish(BLOCKS * BLOCK), mixture, set())
    assert not [message for message in desk.raw.passed if isinstance(message, Fault)]


@pytest.mark.parametrize("position", [10 * RATE + 1, 2**40, 2**62])
def test_a_gap_of_more_than_ten_seconds_is_refused(desk: Desk, mixture: Float32Array, position: int) -> None:
    desk.raw.feed(desk.name, mixture[:, : 4 * BLOCK])
    desk.send(4 * BLOCK + position if position < 2**62 else position, mixture[:, :BLOCK])
    assert "more than 10 s" in desk.refused().text
    desk.raw.feed(desk.name, mixture[:, 4 * BLOCK :], start=4 * BLOCK)
    holds(desk.finish(BLOCKS * BLOCK), mixture, set())


def test_frames_beyond_the_grant_are_refused_in_a_free_stream(desk: Desk, mixture: Float32Array) -> None:
    until = desk.opened.until
    assert until
    desk.send(until - BLOCK + 1, mixture[:, :BLOCK])
    assert f"frames up to {until + 1} were sent, {until} were granted; wait for `grant`" in desk.refused().text
    desk.raw.feed(desk.name, mixture)
    holds(desk.finish(BLOCKS * BLOCK), mixture, set())


def test_a_realtime_source_much_faster_than_time_is_refused_with_a_hint(raw: Raw, name: str) -> None:
    raw.opened(name, timing="realtime")
    raw.feed(name, recording(3 * RATE, RATE))
    assert "ahead of real time; pace it, or open it with timing 'free'" in raw.fault("block").text
    state = raw.stream(name)
    assert state
    assert state["received"] < 2.2 * RATE


def test_a_block_for_a_stream_that_is_not_open_is_refused(raw: Raw, mixture: Float32Array) -> None:
    raw.mixture("nobody", 0, mixture[:, :BLOCK])
    fault = raw.fault("unknown-stream")
    assert fault.stream == "nobody"
    assert "open it first" in fault.text


def test_a_block_for_another_clients_stream_is_refused(
    desk: Desk, connect: Callable[[], Raw], mixture: Float32Array
) -> None:
    thief = connect()
    for k in range(BLOCKS):
        desk.send(k * BLOCK, mixture[:, k * BLOCK : (k + 1) * BLOCK])
        thief.mixture(desk.name, (k + 1) * BLOCK, np.ones((2, BLOCK), np.float32))
    for _ in range(BLOCKS):
        assert "belongs to another client" in thief.fault("unknown-stream").text
    holds(desk.finish(BLOCKS * BLOCK), mixture, set())


def test_a_block_after_close_is_refused(desk: Desk, mixture: Float32Array) -> None:
    desk.raw.feed(desk.name, mixture)
    desk.raw.closing(desk.name)
    desk.send(BLOCKS * BLOCK, mixture[:, :BLOCK])
    assert desk.raw.until(lambda m: isinstance(m, Fault)).code in {"stream-closed", "unknown-stream"}
    vocals, mix = desk.raw.take_until_end(desk.vocals, desk.mix)
    holds((vocals, mix), mixture, set())


def test_int16_blocks_are_checked_for_whole_frames_too(raw: Raw, name: str) -> None:
    raw.opened(name, format="s16le", channels=1)
    for pcm in (b"\0", bytes(2 * BLOCK - 1), bytes(2 * BLOCK + 2)):
        raw.post(Mixture(name, 0, None), pcm)
        raw.fault("block")
    raw.post(Mixture(name, 0, None), encode_pcm(np.zeros((1, BLOCK), np.float32), "s16le"))
    state = raw.stream(name)
    assert state
    assert (state["received"], state["refused"]) == (BLOCK, 3)
