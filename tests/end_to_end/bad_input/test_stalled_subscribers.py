"""A lossless subscriber that gives no credit for too long is dropped, told why, and holds nobody any more."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from stemd.errors import SubscriberStalled
from stemd.protocol import Subscribe, Unsubscribe
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.raw import BLOCK, Raw
from tests.end_to_end.reference import recording

RATE = 44_100
BLOCKS = 100
STALL_SECONDS = 1.0
BACKLOG_SECONDS = 1.0
MOST_SUBSCRIPTIONS = 12


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    server = {"stall_timeout": STALL_SECONDS, "max_subscriptions": MOST_SUBSCRIPTIONS, "max_streams": 3}
    with running({"server": server, "realtime": {"lossless_backlog": BACKLOG_SECONDS}}) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def mixture() -> Any:
    return recording(BLOCKS * BLOCK, RATE, seed=13)


def dropped(client: Raw, number: int, name: str, *words: str) -> None:
    fault = client.fault(SubscriberStalled.code)
    assert (fault.subscription, fault.stream, fault.request) == (number, name, None)
    for word in (*words, "was dropped", "'live'"):
        assert word in fault.text


def test_in_a_free_stream_it_is_dropped_after_the_time_out_and_the_stream_goes_on(
    raw: Raw, connect: Callable[[], Raw], name: str, mixture: Any
) -> None:
    sleeper = connect()
    raw.opened(name)
    fast, slow = raw.listen(name, "mix"), sleeper.listen(name, "mix", credit=2)
    raw.pour(name, mixture)  # waits for grants, which come only once the sleeper is dropped
    [heard] = raw.take_until_end(fast)
    assert np.array_equal(heard.samples, mixture)
    dropped(sleeper, slow, name, f"gave no credit for {STALL_SECONDS:g} s")
    sleeper.credit(slow, 1_000)
    assert sleeper.state()
    while sleeper.take(timeout=0.1) is not None:
        pass
    assert len(sleeper.heard[slow].headers) == 2
    assert sleeper.heard[slow].end is None


def test_a_little_credit_now_and_then_is_enough(raw: Raw, name: str, mixture: Any) -> None:
    opened = raw.opened(name)
    fast, slow = raw.listen(name, "mix"), raw.listen(name, "mix", credit=1)
    assert opened.until
    raw.feed(name, mixture[:, : 10 * BLOCK])
    raw.closing(name)
    for until in range(2, 12):
        raw.take_blocks(slow, min(10, until - 1))
        raw.take(timeout=STALL_SECONDS / 4)
        raw.credit(slow, until)
    for heard in raw.take_until_end(fast, slow):
        assert np.array_equal(heard.samples, mixture[:, : 10 * BLOCK])


def test_what_an_ended_stream_left_is_not_kept_for_ever(
    raw: Raw, connect: Callable[[], Raw], name: str, mixture: Any
) -> None:
    sleeper = connect()
    raw.opened(name)
    fast, slow = raw.listen(name, "mix"), sleeper.listen(name, "mix", credit=1, delivery="live")
    raw.feed(name, mixture[:, : 10 * BLOCK])
    raw.closing(name)
    raw.take_until_end(fast)
    dropped(sleeper, slow, name)
    assert raw.stream(name) is None


def test_in_a_realtime_stream_it_is_dropped_once_its_backlog_is_full(
    raw: Raw, connect: Callable[[], Raw], name: str, mixture: Any
) -> None:
    sleeper = connect()
    raw.opened(name, timing="realtime")
    fast, slow = raw.listen(name, "mix"), sleeper.listen(name, "mix", credit=2)
    raw.play(name, mixture, RATE, sleeper)
    dropped(sleeper, slow, name, f"{BACKLOG_SECONDS:g} s behind")
    [heard] = raw.take_until_end(fast)
    assert [header.position for header in heard.headers] == list(range(0, BLOCKS * BLOCK, BLOCK))
    assert np.array_equal(heard.samples, mixture)


def test_there_are_no_more_streams_than_the_limit(raw: Raw, name: str) -> None:
    raw.opened(name)
    raw.opened(f"{name}-2")
    fault = raw.open(f"{name}-3")
    assert fault.code == "overloaded"
    assert "server.max_streams" in fault.text
    assert raw.answer(raw.closing(name)).position == 0
    raw.opened(f"{name}-3")


def test_there_are_no_more_subscriptions_than_the_limit(raw: Raw, name: str) -> None:
    asked = {"stream": name, "stem": "mix", "format": "f32le", "delivery": "live", "credit": 1}
    replies = [raw.ask(Subscribe, **asked) for _ in range(MOST_SUBSCRIPTIONS)]
    faults = [reply for reply in replies if reply.kind == b"error"]
    assert len(faults) == 3, "the witness has three"
    assert all(fault.code == "overloaded" and "server.max_subscriptions" in fault.text for fault in faults)
    for reply in replies:
        if reply not in faults:
            raw.ask(Unsubscribe, subscription=reply.subscription)
    assert raw.state()["pending"] == []
