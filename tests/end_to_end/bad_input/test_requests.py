"""Well-formed messages that say the wrong things: keys, types, ranges, and the order of the greeting."""

from typing import Any

import msgpack
import pytest

from stemd.errors import ProtocolError
from stemd.protocol import MAJOR, MAX_BLOCK, MAX_CREDIT, Fault, Hello, Status, Welcome, from_daemon
from tests.end_to_end.process import Daemon
from tests.end_to_end.raw import Raw, connected
from tests.end_to_end.talk import PATIENCE_MS

PLAN = {"segment": 65_536, "hop": 22_528, "overlap": 1_024, "lookahead": 8_192}

# A message of each kind that is right but for what a test does to it.
RIGHT: dict[str, dict[str, Any]] = {
    "hello": {"request": 9, "major": MAJOR, "minor": 0, "client": "raw", "capabilities": []},
    "open": {
        "request": 9,
        "stream": "never-open",
        "rate": 44_100,
        "channels": 2,
        "format": "f32le",
        "block": 1_024,
        "timing": "free",
        "plan": PLAN,
        "model": None,
        "stems": None,
    },
    "mixture": {"stream": "never-open", "position": 0, "source_ns": None},
    "close": {"request": 9, "stream": "never-open"},
    "subscribe": {
        "request": 9,
        "stream": "never-open",
        "stem": "vocals",
        "format": "f32le",
        "delivery": "live",
        "credit": 4,
    },
    "unsubscribe": {"request": 9, "subscription": 1},
    "credit": {"subscription": 1, "until": 4},
    "set_gain": {"request": 9, "stream": "never-open", "gains": {"vocals": 0.5}},
    "set_mixer": {
        "request": 9,
        "stream": "never-open",
        "mute": ["vocals"],
        "solo": None,
        "wet": 0.5,
        "bypass": None,
    },
    "status": {"request": 9},
    "ping": {"sent_ns": 0},
    "bye": {},
    "attach": {"session": "abc"},
}
KINDS = pytest.mark.parametrize("kind", RIGHT)

COUNTS: list[Any] = [-1, 2**62 + 1, 2**64 - 1, 1.0, True, None, "1", b"1", [1], {}]
NAMES: list[Any] = ["", "a b", "a/b", "ä", "x" * 65, "new\nline", "nul\0", 7, None, True, b"bytes", ["desk"]]
NAMES_OR_NONE = [name for name in NAMES if name is not None]

WRONG: dict[str, list[Any]] = {
    "request": COUNTS,
    "major": COUNTS,
    "minor": COUNTS,
    "client": [7, None, b"bytes", "x" * 2_049],
    "capabilities": [None, "free", {"free": 1}, [1], ["a b"], [None]],
    "stream": NAMES,
    "rate": [*COUNTS, 0, 7_999, 192_001, 48_000.5],
    "channels": [*COUNTS, 0, 3],
    "format": ["f32", "F32LE", "", 32, None, ["f32le"]],
    "block": [*COUNTS, 0, MAX_BLOCK + 1],
    "timing": ["fast", "", 1, None, True],
    "plan": [7, [65_536, 22_528, 1_024, 8_192], "no such name!", True, {}, {**PLAN, "more": 1}, {"segment": 65_536}],
    "model": NAMES_OR_NONE,
    "stems": ["vocals", 7, {"vocals": 1}, [7], [None], ["a b"], [["vocals"]]],
    "position": COUNTS,
    "source_ns": [2**62 + 1, -(2**62) - 1, 1.5, "1", True, [1]],
    "stem": NAMES,
    "delivery": ["lossy", "", None, 1],
    "credit": [*COUNTS, 0, MAX_CREDIT + 1],
    "subscription": COUNTS,
    "until": COUNTS,
    "gains": [
        None,
        7,
        [0.5],
        {"vocals": "loud"},
        {"vocals": None},
        {"vocals": True},
        {"vocals": -0.1},
        {"vocals": 8.1},
        {"vocals": float("nan")},
        {"vocals": float("inf")},
        {"a b": 1.0},
    ],
    "mute": ["vocals", 7, {"vocals": True}, [7], [None], ["a b"], [["vocals"]]],
    "solo": ["vocals", True, {"vocals": True}, [7], [None], ["a b"], [["vocals"]]],
    "wet": [-0.1, 1.1, 2, float("nan"), float("inf"), "half", True, [0.5]],
    "bypass": [0, 1, "true", "", [], {}],
    "sent_ns": [2**62 + 1, -(2**62) - 1, 1.5, "1", True, None],
    "session": NAMES,
}
WRONG_IN_PLAN = {
    "segment": [*COUNTS, 0, 2**24 + 1],
    "hop": [*COUNTS, 0, 2**24 + 1],
    "overlap": [*COUNTS, 2**24 + 1],
    "lookahead": [*COUNTS, 2**24 + 1],
}


def said(raw: Raw, kind: str, values: dict[str, Any]) -> Fault:
    """Say it on the socket where it belongs; the fault that must be the answer."""
    frames = [kind.encode(), msgpack.packb(values), b""]
    if kind == "attach":
        raw.stems.send_multipart(frames)
        assert raw.stems.poll(PATIENCE_MS)
        fault, _ = from_daemon(raw.stems.recv_multipart())
        assert isinstance(fault, Fault)
        return fault
    raw.say(frames)
    return raw.fault(ProtocolError.code)


@KINDS
def test_each_key_that_is_missing_is_named(raw: Raw, kind: str) -> None:
    for key in RIGHT[kind]:
        fault = said(raw, kind, {k: v for k, v in RIGHT[kind].items() if k != key})
        assert fault.text == f"{kind}: key {key!r} is missing"
        assert fault.request == (RIGHT[kind].get("request") if key != "request" else None)


@KINDS
def test_a_key_that_is_unknown_is_named(raw: Raw, kind: str) -> None:
    fault = said(raw, kind, {**RIGHT[kind], "colour": "blue"})
    assert f"{kind}: unknown key 'colour'" in fault.text
    for key in RIGHT[kind]:
        values = {k + "s" * (k == key): v for k, v in RIGHT[kind].items()}
        assert f"(did you mean {key!r}?)" in said(raw, kind, values).text


@KINDS
def test_each_value_of_a_wrong_type_or_out_of_range_is_named(raw: Raw, kind: str) -> None:
    assert set(RIGHT[kind]) <= set(WRONG)
    for key in RIGHT[kind]:
        for value in WRONG[key]:
            fault = said(raw, kind, {**RIGHT[kind], key: value})
            assert f"{kind}.{key}" in fault.text, (key, value, fault)
    assert not raw.passed, "one message, one answer"


def test_each_value_of_a_plan_is_checked(raw: Raw) -> None:
    for key, values in WRONG_IN_PLAN.items():
        for value in values:
            fault = said(raw, "open", {**RIGHT["open"], "plan": {**PLAN, key: value}})
            assert f"open.plan.{key}" in fault.text, (key, value, fault)


def test_what_is_refused_leaves_nothing_behind(raw: Raw) -> None:
    before = raw.state()
    for kind in ("open", "subscribe"):
        for key in RIGHT[kind]:
            for value in WRONG[key]:
                said(raw, kind, {**RIGHT[kind], key: value})
    after = raw.state()
    assert {s["stream"] for s in after["streams"]} == {s["stream"] for s in before["streams"]}
    assert after["pending"] == before["pending"]


# The greeting.


def test_whoever_says_no_hello_gets_no_answer_but_that(daemon: Daemon) -> None:
    with connected(daemon.address, greet=False) as stranger:
        for kind in RIGHT.keys() - {"hello", "attach"}:
            stranger.say([kind.encode(), msgpack.packb(RIGHT[kind]), b""])
            fault = stranger.fault(ProtocolError.code)
            assert "say hello first" in fault.text
            assert fault.request == RIGHT[kind].get("request")


@pytest.mark.parametrize("major", [0, MAJOR + 1, 2**62])
def test_another_major_version_is_refused_with_the_one_that_is_spoken(daemon: Daemon, major: int) -> None:
    with connected(daemon.address, greet=False) as stranger:
        fault = stranger.ask(Hello, major=major, minor=3, client="from the future", capabilities=())
        assert fault.code == ProtocolError.code
        assert f"protocol {major}.3 is not spoken here, {MAJOR}." in fault.text
        assert "say hello first" in stranger.ask(Status).text, "a refused hello opens no session"
        stranger.meet()


def test_a_newer_minor_version_and_unknown_capabilities_are_welcome(daemon: Daemon) -> None:
    with connected(daemon.address, greet=False) as stranger:
        welcome = stranger.ask(Hello, major=MAJOR, minor=99, client="newer", capabilities=("from-the-future",))
        assert isinstance(welcome, Welcome)


def test_a_second_hello_is_the_same_session(raw: Raw) -> None:
    first = raw.session
    assert raw.meet().session == first


def test_attaching_to_no_session_is_refused(raw: Raw) -> None:
    assert "no such session" in said(raw, "attach", {"session": "0" * 32}).text


def test_attach_on_the_socket_for_requests_is_refused(raw: Raw) -> None:
    raw.say([b"attach", msgpack.packb({"session": raw.session}), b""])
    assert "belongs on the socket for stems" in raw.fault(ProtocolError.code).text
