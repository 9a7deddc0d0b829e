"""A daemon that is told to stop: what is inside still leaves, everybody hears of the end, nothing is left behind."""

import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemd.address import Address
from stemd.protocol import Closed, Fault, Plan, Pong, Subscribe
from tests.end_to_end.process import Daemon, folder, running
from tests.end_to_end.raw import BLOCK, Heard, Raw, connected
from tests.end_to_end.reference import offline, recording

RATE = 44_100
BLOCKS = 40
LENGTH = BLOCKS * BLOCK
DRAIN = {"server": {"drain_timeout": 0.6}}
PATIENT = {"server": {"drain_timeout": 8.0}}


@pytest.fixture(scope="module")
def mixture() -> Any:
    return recording(LENGTH, RATE, seed=41)


def stopped(daemon: Daemon, began: float | None = None, within: float = 5.0) -> None:
    """The law of every stop: status 0, no complaint, no socket left, and in time."""
    assert daemon.wait() == 0
    assert "Traceback" not in daemon.errors(), daemon.errors()
    assert "ERROR" not in daemon.errors(), daemon.errors()
    address = Address.parse(daemon.address)
    for endpoint in (address.requests, address.stems):
        assert not Path(endpoint.removeprefix("ipc://")).exists()
    if began is not None:
        assert time.monotonic() - began < within


def ended(heard: Heard, position: int, *flags: str) -> None:
    assert heard.end is not None
    assert (heard.end.position, heard.end.flags) == (position, ("end", *flags))
    assert heard.end.sequence == len(heard.headers)


def closed(raw: Raw, stream: str) -> Closed:
    """What the owner is told of the end of a stream."""
    found = [m for m in raw.passed if isinstance(m, Closed) and m.stream == stream]
    message: Closed = found[0] if found else raw.until(lambda m: isinstance(m, Closed) and m.stream == stream)
    return message


def test_what_is_inside_still_leaves(mixture: Any) -> None:
    with running(PATIENT) as daemon, connected(daemon.address) as raw:
        streams = {"file": "free", "desk": "realtime"}
        heard = {}
        for name, timing in streams.items():
            raw.opened(name, timing=timing)
            heard[name] = (raw.listen(name, "vocals"), raw.listen(name, "mix", delivery="live"))
            raw.feed(name, mixture)
        raw.state()
        daemon.signal()
        for name, (vocals, mix) in heard.items():
            raw.take_until_end(vocals, mix)
            ended(raw.heard[vocals], LENGTH)
            ended(raw.heard[mix], LENGTH)
            assert np.array_equal(raw.heard[mix].samples, mixture)
            message = closed(raw, name)
            assert (message.position, message.cut, message.request) == (LENGTH, False, None)
        assert np.array_equal(raw.heard[heard["file"][0]].samples, offline(mixture, RATE))
        stopped(daemon)


def test_what_cannot_leave_in_time_is_cut_and_said_to_be(mixture: Any) -> None:
    with running(DRAIN) as daemon, connected(daemon.address) as raw:
        for name, timing in (("file", "free"), ("desk", "realtime")):
            raw.opened(name, timing=timing)
        held = raw.listen("file", "mix", credit=3)
        beside = raw.listen("file", "vocals")
        late = raw.listen("desk", "mix")
        raw.feed("file", mixture)
        raw.feed("desk", mixture)
        raw.take_blocks(held, 3)
        raw.state()
        began = time.monotonic()
        daemon.signal()
        raw.take_until_end(held, beside, late)
        for number in (held, beside, late):
            end = raw.heard[number].end
            assert end is not None
            assert end.flags == ("end", "cut")
        for name in ("file", "desk"):
            message = closed(raw, name)
            assert (message.cut, message.request) == (True, None)
            assert message.position < LENGTH
        assert len(raw.heard[held].headers) == 3
        stopped(daemon, began)


def test_a_subscriber_that_is_a_little_behind_gets_the_rest_and_the_end(mixture: Any) -> None:
    with running(PATIENT) as daemon, connected(daemon.address) as raw:
        raw.opened("file")
        slow = raw.listen("file", "mix", credit=BLOCKS - 1)
        raw.feed("file", mixture)
        raw.closing("file")
        raw.take_blocks(slow, BLOCKS - 1)
        assert raw.stream("file") is None, "the stream has ended; its last block waits for credit"
        daemon.signal()
        daemon.wait_until_stopping()
        assert raw.take(timeout=0.2) is None
        raw.credit(slow, BLOCKS)
        [heard] = raw.take_until_end(slow)
        ended(heard, LENGTH)
        assert np.array_equal(heard.samples, mixture)
        stopped(daemon)


def test_a_subscriber_that_stays_behind_hears_of_the_end_all_the_same(mixture: Any) -> None:
    with running(DRAIN) as daemon, connected(daemon.address) as raw:
        raw.opened("file")
        slow, live = raw.listen("file", "mix", credit=7), raw.listen("file", "mix", credit=7, delivery="live")
        raw.feed("file", mixture[:, : 8 * BLOCK])
        raw.closing("file")
        raw.take_blocks(slow, 7)
        began = time.monotonic()
        daemon.signal()
        for heard in raw.take_until_end(slow, live):
            assert heard.end is not None
            assert heard.end.flags == ("end", "cut")
            assert len(heard.headers) == 7
        stopped(daemon, began)


def test_nothing_new_is_taken_while_it_stops_and_questions_are_answered(mixture: Any) -> None:
    with running(PATIENT) as daemon, connected(daemon.address) as raw:
        raw.opened("file")
        held = raw.listen("file", "mix", credit=1)
        raw.feed("file", mixture)
        raw.take_blocks(held, 1)
        raw.state()
        daemon.signal()
        daemon.wait_until_stopping()
        assert raw.open("more").code == "stream-closed"
        assert (
            raw.ask(Subscribe, stream="more", stem="mix", format="f32le", delivery="live", credit=1).code
            == "stream-closed"
        )
        raw.mixture("file", LENGTH, mixture[:, :BLOCK])
        assert raw.fault("stream-closed").stream == "file"
        assert [stream["stream"] for stream in raw.state()["streams"]] == ["file"]
        raw.ping()
        raw.until(lambda m: isinstance(m, Pong))
        daemon.signal()  # an impatient second time changes nothing
        raw.credit(held, 1_000)
        [heard] = raw.take_until_end(held)
        ended(heard, LENGTH)
        assert np.array_equal(heard.samples, mixture)
        stopped(daemon)


def test_a_stream_that_is_being_opened_is_refused_not_forgotten() -> None:
    with running(DRAIN) as daemon, connected(daemon.address) as raw:
        number = raw.opening("desk", plan=Plan(2_097_152, 1_048_576, 0, 8_192), timing="realtime")  # long to measure
        raw.state()
        began = time.monotonic()
        daemon.signal()
        fault = raw.answer(number)
        assert isinstance(fault, Fault)
        assert fault.code == "stream-closed"
        stopped(daemon, began)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_with_clients_stops_at_once(number: signal.Signals) -> None:
    with running() as daemon, connected(daemon.address) as raw:
        waiting = raw.listen("never", "vocals")
        raw.opened("empty")
        began = time.monotonic()
        daemon.signal(number)
        fault = raw.until(lambda m: isinstance(m, Fault))
        assert (fault.code, fault.stream, fault.subscription) == ("stream-closed", "never", waiting)
        assert closed(raw, "empty").position == 0
        stopped(daemon, began, within=3.0)


def test_told_to_stop_while_it_starts_it_stops() -> None:
    with folder() as place:
        daemon = Daemon(place)
        try:
            while not Path(Address.parse(daemon.address).requests.removeprefix("ipc://")).exists():
                assert daemon.process.poll() is None
            daemon.signal()
            stopped(daemon)
        finally:
            daemon.kill()


def test_told_to_stop_while_networks_are_warmed_it_does_not_wait_for_them() -> None:
    long = {"segment": 2_097_152, "hop": 1_048_576, "overlap": 0, "lookahead": 8_192}  # 48 s of sound, run five times
    with folder() as place:
        daemon = Daemon(place, {"plan": "long", "plans": {"long": long}})
        try:
            while not Path(Address.parse(daemon.address).requests.removeprefix("ipc://")).exists():
                assert daemon.process.poll() is None
            daemon.signal()
            assert daemon.process.stdout is not None
            assert daemon.process.stdout.read() == "", "it was never ready"
            stopped(daemon)
        finally:
            daemon.kill()
