"""Clients that die, fall silent or leave: what is theirs ends, in its time, and nothing else does."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemd.errors import ProtocolError
from stemd.protocol import Closed, Fault, Plan, Status
from tests.end_to_end import victim
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.raw import BLOCK, Heard, Raw, connected
from tests.end_to_end.reference import offline, recording
from tests.end_to_end.witness import Witness

GONE_SECONDS = 6.0  # three pings that are missed
OWNER_SECONDS = 0.5  # what a realtime stream lives on after that
LONGEST = 12.0
HELD = 60


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running({"server": {"owner_timeout": OWNER_SECONDS}}) as daemon:
        yield daemon


@contextmanager
def killed_later(address: str, name: str, timing: str) -> Iterator[subprocess.Popen[str]]:
    """A client in a process of its own, which has sent its blocks."""
    command = (sys.executable, str(Path(victim.__file__)), address, name, timing)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "sent\n"
            yield process
        finally:
            process.kill()


@dataclass
class Aftermath:
    """What was seen after all of them had gone."""

    ends: dict[str, Heard]
    held: Heard
    mixture: Any
    silent: Raw
    state: dict[str, Any]


@pytest.fixture(scope="module")
def aftermath(daemon: Daemon, witness: Witness) -> Iterator[Aftermath]:
    with ExitStack() as stack, witness.going_on():
        clients = [stack.enter_context(connected(daemon.address)) for _ in range(4)]
        survivor, vanishing, holding, silent = clients
        heard = {name: survivor.listen(name, "mix") for name in ("killed-free", "killed-realtime", "vanished", "mute")}
        victims = [
            stack.enter_context(killed_later(daemon.address, f"killed-{timing}", timing))
            for timing in ("free", "realtime")
        ]
        for client, name in ((vanishing, "vanished"), (silent, "mute")):
            client.opened(name)
            client.feed(name, np.full((2, victim.BLOCKS * BLOCK), 0.25, np.float32))
            client.state()
        held, mixture = hold(survivor, holding)
        for process in victims:
            process.kill()
        vanishing.vanish()
        holding.vanish()
        ends = dict(zip(heard, survivor.take_until_end(*heard.values(), timeout=LONGEST), strict=True))
        [rest] = survivor.take_until_end(held, timeout=LONGEST)
        yield Aftermath(ends, rest, mixture, silent, survivor.state())


def hold(survivor: Raw, holding: Raw) -> tuple[int, Any]:
    """A stream of the survivor, which a lossless listener that will vanish holds back."""
    survivor.opened("held")
    vocals = survivor.listen("held", "vocals")
    holding.listen("held", "mix", credit=1)
    mixture = recording(HELD * BLOCK, 44_100, seed=5)
    survivor.pour("held", mixture)
    state = survivor.stream("held")
    assert state
    assert state["given"] <= 2 * BLOCK
    return vocals, mixture


@pytest.mark.parametrize("name", ["killed-free", "killed-realtime", "vanished", "mute"])
def test_the_stream_of_a_client_that_has_gone_is_cut(aftermath: Aftermath, name: str) -> None:
    heard = aftermath.ends[name]
    assert heard.end is not None
    assert heard.end.flags == ("end", "cut")
    assert heard.end.position == sum(header.frames for header in heard.headers)
    assert heard.end.sequence == len(heard.headers)
    sent = victim.BLOCKS * victim.BLOCK
    assert not heard.parts or (heard.samples[:, :sent] == 0.25).all()
    assert name not in [stream["stream"] for stream in aftermath.state["streams"]]


def test_a_realtime_stream_goes_on_in_silence_until_its_owner_is_missed(aftermath: Aftermath) -> None:
    heard = aftermath.ends["killed-realtime"]
    sent = victim.BLOCKS * victim.BLOCK
    assert heard.samples.shape[1] > sent
    assert not heard.samples[:, sent:].any()
    for header in heard.headers:
        assert ("gap" in header.flags) == (header.position >= sent)


def test_a_listener_that_has_gone_holds_a_stream_no_longer_than_it_is_missed(aftermath: Aftermath) -> None:
    heard = aftermath.held
    assert np.array_equal(heard.samples, offline(aftermath.mixture, 44_100))
    assert heard.end is not None
    assert heard.end.flags == ("end",)


def test_nothing_of_those_that_have_gone_is_left(aftermath: Aftermath, daemon: Daemon) -> None:
    state = aftermath.state
    assert state["clients"] == 2, "the witness and the survivor"
    assert all(stream["stream"].startswith("witness") for stream in state["streams"])
    assert (state["pending"], state["load"]) == ([], 0)
    with connected(daemon.address) as heir:
        for name in aftermath.ends:
            heir.opened(name)


def test_who_fell_silent_has_to_say_hello_again(aftermath: Aftermath) -> None:
    while (message := aftermath.silent.hear(0)) is not None:
        assert not isinstance(message, Closed)
    fault = aftermath.silent.ask(Status)
    assert fault.code == ProtocolError.code
    assert "say hello first (or again" in fault.text
    assert aftermath.silent.meet().state()


# Leaving politely.


@pytest.mark.parametrize("timing", ["free", "realtime"])
def test_bye_ends_a_clients_streams_at_once(raw: Raw, connect: Callable[[], Raw], name: str, timing: str) -> None:
    leaving = connect()
    mix = raw.listen(name, "mix")
    leaving.opened(name, timing=timing)
    leaving.feed(name, recording(4 * BLOCK, 44_100))
    leaving.bye()
    [heard] = raw.take_until_end(mix, timeout=GONE_SECONDS / 2)
    assert heard.end is not None
    assert heard.end.flags == ("end", "cut")
    assert raw.stream(name) is None
    assert "say hello first" in leaving.ask(Status).text


def test_bye_ends_a_clients_subscriptions_at_once(raw: Raw, connect: Callable[[], Raw], name: str) -> None:
    leaving = connect()
    raw.opened(name)
    mix = raw.listen(name, "mix")
    leaving.listen(name, "mix", credit=1)
    leaving.listen("never", "mix")
    mixture = recording(HELD * BLOCK, 44_100)
    raw.feed(name, mixture)
    raw.state()
    leaving.bye()
    raw.closing(name)
    [heard] = raw.take_until_end(mix, timeout=GONE_SECONDS / 2)
    assert np.array_equal(heard.samples, mixture)
    assert raw.state()["pending"] == []


def test_a_client_that_leaves_while_its_stream_opens_leaves_no_stream(
    raw: Raw, connect: Callable[[], Raw], name: str
) -> None:
    leaving = connect()
    # A realtime stream with a plan of its own: its networks have yet to be timed, which takes a while.
    number = leaving.opening(name, plan=Plan(67_584, 22_528, 1_024, 8_192), timing="realtime")
    leaving.bye()
    assert isinstance(leaving.answer(number), Fault)
    assert raw.stream(name) is None
    raw.opened(name)
