"""Subscribers that read slowly, late or not at all: each gets what its delivery promises, others get all."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stemd.config import Realtime
from tests.end_to_end.raw import BLOCK, Heard, Raw
from tests.end_to_end.reference import offline, recording

RATE = 44_100
BLOCKS = 120
LIVE_BACKLOG = math.ceil(Realtime().live_backlog * RATE / BLOCK)
MILLISECOND = 1_000_000


@pytest.fixture(scope="module")
def mixture() -> Any:
    return recording(BLOCKS * BLOCK, RATE, seed=11)


def whole(heard: Heard, expected: Any) -> None:
    """Every block came, in its place."""
    assert [header.position for header in heard.headers] == list(range(0, expected.shape[1], BLOCK))
    assert all(header.dropped == 0 for header in heard.headers)
    assert np.array_equal(heard.samples, expected)
    assert heard.end is not None
    assert (heard.end.position, heard.end.flags) == (expected.shape[1], ("end",))


def in_place(heard: Heard, expected: Any) -> None:
    """What came is what belongs at the positions that it bears, and what did not was counted."""
    for header, samples in zip(heard.headers, heard.parts, strict=True):
        assert header.position == (header.sequence + header.dropped) * BLOCK
        assert np.array_equal(samples, expected[:, header.position : header.position + BLOCK])
    assert [header.sequence for header in heard.headers] == list(range(len(heard.headers)))


def test_a_live_subscriber_that_stops_reading_gets_the_newest_blocks_later(raw: Raw, name: str, mixture: Any) -> None:
    raw.opened(name)
    fast, slow = raw.listen(name, "mix"), raw.listen(name, "mix", delivery="live", credit=4)
    raw.pour(name, mixture)
    whole(raw.take_until_end(fast)[0], mixture)
    assert len(raw.heard[slow].headers) == 4
    raw.credit(slow, 1_000)
    [heard] = raw.take_until_end(slow)
    in_place(heard, mixture)
    lost = BLOCKS - 4 - LIVE_BACKLOG
    assert [header.dropped for header in heard.headers] == [0] * 4 + [lost] * LIVE_BACKLOG
    assert heard.headers[-1].position == (BLOCKS - 1) * BLOCK
    assert heard.end is not None
    assert heard.end.dropped == lost


def test_a_lossless_subscriber_holds_a_free_stream_and_loses_nothing(raw: Raw, name: str, mixture: Any) -> None:
    opened = raw.opened(name)
    fast, slow = raw.listen(name, "vocals"), raw.listen(name, "mix", credit=5)
    assert opened.until
    raw.feed(name, mixture[:, : opened.until // BLOCK * BLOCK])
    raw.take_blocks(slow, 5)
    for _ in range(20):
        state = raw.stream(name)
        assert state
        assert state["given"] <= 6 * BLOCK, "one block may wait, and no more may leave"
    while raw.take(timeout=0.2) is not None:
        pass
    assert len(raw.heard[fast].headers) <= 6
    rest = opened.until // BLOCK * BLOCK
    raw.credit(slow, 1_000)
    raw.pour(name, mixture, start=rest)
    vocals, mix = raw.take_until_end(fast, slow)
    whole(mix, mixture)
    whole(vocals, offline(mixture, RATE))


def test_no_block_comes_without_credit_and_each_credit_brings_its_own(raw: Raw, name: str, mixture: Any) -> None:
    raw.opened(name)
    slow = raw.listen(name, "mix", credit=1)
    raw.feed(name, mixture[:, : 20 * BLOCK])
    raw.closing(name)
    for until in (1, 2, 3, 10, 19):
        raw.credit(slow, until)
        raw.take_blocks(slow, until)
        raw.credit(slow, 1)  # credit never goes down
        raw.state()
        assert raw.take(timeout=0.02) is None
    raw.credit(slow, 2**62)
    whole(raw.take_until_end(slow)[0], mixture[:, : 20 * BLOCK])


def test_the_end_comes_without_credit_behind_the_last_block(raw: Raw, name: str, mixture: Any) -> None:
    raw.opened(name)
    exact, over = raw.listen(name, "mix", credit=10), raw.listen(name, "mix", credit=9, delivery="live")
    raw.feed(name, mixture[:, : 10 * BLOCK])
    raw.closing(name)
    raw.take_until_end(exact)
    assert raw.stream(name) is None, "a block that waits for credit does not keep a stream open"
    assert raw.heard[over].end is None
    raw.credit(over, 10)
    whole(raw.take_until_end(over)[0], mixture[:, : 10 * BLOCK])


def test_slow_subscribers_of_a_realtime_stream_delay_nobody(
    raw: Raw, connect: Callable[[], Raw], name: str, mixture: Any
) -> None:
    reader, sleeper = connect(), connect()
    opened = raw.opened(name, timing="realtime")
    fast = raw.listen(name, "mix")
    vocals = reader.listen(name, "vocals")
    live, lossless = (sleeper.listen(name, "mix", credit=3, delivery=delivery) for delivery in ("live", "lossless"))
    raw.play(name, mixture, RATE, reader, sleeper)
    whole(raw.take_until_end(fast)[0], mixture)
    whole_but_degraded(reader.take_until_end(vocals)[0])
    for header, received in zip(raw.heard[fast].headers, raw.heard[fast].times, strict=True):
        due = header.capture_ns + opened.latency * 1_000_000_000 // RATE
        assert -MILLISECOND <= received - due < 1_000 * MILLISECOND
    for number in (live, lossless):
        sleeper.credit(number, 1_000)
    sleeper.take_until_end(live, lossless)
    whole(sleeper.heard[lossless], mixture)
    in_place(sleeper.heard[live], mixture)
    assert [header.dropped for header in sleeper.heard[live].headers[3:]] == [BLOCKS - 3 - LIVE_BACKLOG] * LIVE_BACKLOG


def whole_but_degraded(heard: Heard) -> None:
    """No block is missing; a busy machine may have degraded some."""
    assert [header.position for header in heard.headers] == list(range(0, BLOCKS * BLOCK, BLOCK))
    assert heard.headers[-1].dropped == 0


# The real thing: ten seconds.

SLEEP_SECONDS = 10


@pytest.mark.slow
def test_asleep_for_ten_seconds_beside_a_realtime_stream(raw: Raw, connect: Callable[[], Raw], name: str) -> None:
    song = recording(SLEEP_SECONDS * RATE // BLOCK * BLOCK, RATE, seed=12)
    sleeper = connect()
    raw.opened(name, timing="realtime")
    fast, live = raw.listen(name, "mix"), sleeper.listen(name, "mix", credit=16, delivery="live")
    raw.play(name, song, RATE, sleeper)
    whole(raw.take_until_end(fast)[0], song)
    sleeper.credit(live, 10_000)
    [heard] = sleeper.take_until_end(live)
    in_place(heard, song)
    assert heard.headers[-1].position == song.shape[1] - BLOCK
    assert heard.headers[-1].dropped == song.shape[1] // BLOCK - 16 - LIVE_BACKLOG


@pytest.mark.slow
def test_asleep_for_ten_seconds_beside_a_free_stream(raw: Raw, connect: Callable[[], Raw], name: str) -> None:
    song = recording(SLEEP_SECONDS * RATE // BLOCK * BLOCK, RATE, seed=12)
    sleeper = connect()
    until = (raw.opened(name).until or 0) // BLOCK * BLOCK
    fast = raw.listen(name, "mix")
    lossless = sleeper.listen(name, "mix", credit=16)
    raw.feed(name, song[:, :until])
    began = time.monotonic()
    while time.monotonic() - began < SLEEP_SECONDS:
        raw.take(timeout=0.5)
        raw.ping()
        sleeper.ping()
    assert len(raw.heard[fast].headers) <= 17
    sleeper.credit(lossless, 10_000)
    raw.pour(name, song, start=until)
    whole(raw.take_until_end(fast)[0], song)
    whole(sleeper.take_until_end(lossless)[0], song)
