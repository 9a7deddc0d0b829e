"""Laws of the codec, for every kind of message."""

import dataclasses
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stemd.errors import ProtocolError
from stemd.protocol import MAX_HEADER, MAX_ITEMS, MAX_REPLY, Way, from_client, from_daemon, request_of, to_frames
from stemd.protocol.codec import CARRIES_PCM, FROM_CLIENT
from tests.protocol.make_golden import EXAMPLES, WAY
from tests.protocol.strategies import JSON, KINDS, hints, messages, optional, wrong

EXAMPLE = {kind: next(m for m, _ in EXAMPLES.values() if m.kind == kind) for kind in KINDS}
ALL = pytest.mark.parametrize("kind", KINDS, ids=bytes.decode)
FIELDS = pytest.mark.parametrize(
    ("kind", "field"),
    [pytest.param(kind, field, id=f"{kind.decode()}.{field}") for kind, cls in KINDS.items() for field in hints(cls)],
)


def read(frames: list[Any]) -> tuple[Any, memoryview]:
    return (from_client if bytes(frames[0]) in FROM_CLIENT else from_daemon)(frames)


def header(kind: bytes, **changes: Any) -> dict[str, Any]:
    """The header of an example, as it travels."""
    return {**msgpack.unpackb(to_frames(EXAMPLE[kind])[1]), **changes}


def frames(kind: bytes, values: dict[str, Any]) -> list[bytes]:
    return [kind, msgpack.packb(values), b""]


def tame(parse: Callable[[list[bytes]], Any], message: list[bytes]) -> bool:
    """Whether a message is taken, or refused in one line that fits into an `error`."""
    try:
        parse(message)
    except ProtocolError as exc:
        return 0 < len(str(exc)) <= 2_000 and "\n" not in str(exc)
    return True


@given(st.sampled_from(list(KINDS.values())).flatmap(messages), st.binary(max_size=32))
def test_every_message_comes_back_as_it_was(message: Any, pcm: bytes) -> None:
    sent = pcm if message.kind in CARRIES_PCM else b""
    assert read(to_frames(message, sent)) == (message, sent)


@given(st.sampled_from([*KINDS, b"", b"open\0", b"\xff" * 99]), st.binary(max_size=200), st.binary(max_size=9))
@example(b"open", b"\x81\xa1a" + b"\xdc\x3f\xff" * 5_000, b"")  # lists in lists, each said to be long
@example(b"state", b"\x81\xa1a" + b"\x91" * 5_000, b"")  # nested too deeply
@example(b"open", b"\x81\xa1a\xd6\xff\0\0\0\0", b"")  # a timestamp
@example(b"open", b"\x81\xc4\x01a\x01", b"")  # a key that is bytes
@example(b"open", b"\x81\x91\x01\x01", b"")  # a key that is a list
@example(b"open", b"\x81\xda\x27\x10" + b"a" * 10_000 + b"\x01", b"")  # a long key
@example(b"open", b"\xdf\xff\xff\xff\xff", b"")
@example(b"ping", b"\x81\xa7sent_ns\xcb\x7f\xf8\0\0\0\0\0\0", b"")  # NaN
@example(b"open", b"\x81\xa1\xed\xa0\x80", b"")  # half a surrogate pair
def test_random_bytes_raise_nothing_but_a_protocol_error(kind: bytes, head: bytes, pcm: bytes) -> None:
    assert all(tame(parse, [kind, head, pcm]) for parse in (from_client, from_daemon))
    assert request_of([kind, head, pcm]) is None or kind in KINDS


@given(st.sampled_from(list(KINDS)), st.dictionaries(st.text(max_size=12), JSON, max_size=5), st.data())
def test_random_values_raise_nothing_but_a_protocol_error(kind: bytes, values: dict, data: st.DataObject) -> None:
    fields = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(hints(KINDS[kind]), JSON)))
    message = frames(kind, {**header(kind), **values, **fields})
    assert all(tame(parse, message) for parse in (from_client, from_daemon))


@given(st.lists(st.binary(max_size=8), max_size=6).filter(lambda parts: len(parts) != 3))
def test_a_message_has_three_parts(parts: list[bytes]) -> None:
    for parse in (from_client, from_daemon):
        with pytest.raises(ProtocolError, match="a message has 3 frames"):
            parse(parts)


@FIELDS
def test_a_missing_key_is_named_unless_it_is_optional(kind: bytes, field: str) -> None:
    values = {name: value for name, value in header(kind).items() if name != field}
    if field in (defaults := optional(KINDS[kind])):
        assert getattr(read(frames(kind, values))[0], field) == defaults[field]
    else:
        with pytest.raises(ProtocolError, match=rf"^{kind.decode()}: key '{field}' is missing$"):
            read(frames(kind, values))


@ALL
def test_what_is_optional_is_sent_only_where_it_says_something(kind: bytes) -> None:
    defaults = optional(KINDS[kind])
    message = dataclasses.replace(EXAMPLE[kind], **defaults)
    assert set(msgpack.unpackb(to_frames(message)[1])) == set(hints(KINDS[kind])) - set(defaults)
    assert read(frames(kind, {**header(kind), **defaults}))[0] == message


@FIELDS
def test_a_value_of_the_wrong_type_or_range_is_named(kind: bytes, field: str) -> None:
    bad = wrong(hints(KINDS[kind])[field])
    assert bad
    for value in bad:
        with pytest.raises(ProtocolError, match=rf"^{kind.decode()}\.{field}\b"):
            read(frames(kind, header(kind, **{field: value})))


@ALL
def test_an_unknown_key_is_named_to_clients_and_ignored_from_daemons(kind: bytes) -> None:
    message = frames(kind, header(kind, strange=1))
    if kind in FROM_CLIENT:
        with pytest.raises(ProtocolError, match=rf"^{kind.decode()}: unknown key 'strange'"):
            read(message)
    else:
        assert read(message)[0] == EXAMPLE[kind]


@pytest.mark.parametrize("key", ["segment", "hop", "overlap", "lookahead"])
def test_a_plan_is_checked_number_by_number(key: str) -> None:
    plan = dataclasses.asdict(EXAMPLES["open-plan"][0].plan)
    for value in (-1, 2**24 + 1, "1", None):
        with pytest.raises(ProtocolError, match=rf"open\.plan\.{key}\b"):
            read(frames(b"open", header(b"open", plan={**plan, key: value})))
    with pytest.raises(ProtocolError, match=rf"open\.plan: key '{key}' is missing"):
        read(frames(b"open", header(b"open", plan={k: v for k, v in plan.items() if k != key})))


@pytest.mark.parametrize("key", hints(Way))
def test_a_way_is_checked_point_by_point(key: str) -> None:
    way = dataclasses.asdict(WAY)
    for value in (2**62 + 1, -(2**62) - 1, "1", 1.0, None):
        with pytest.raises(ProtocolError, match=rf"stem\.way\.{key}\b"):
            read(frames(b"stem", header(b"stem", way={**way, key: value})))
    with pytest.raises(ProtocolError, match=rf"stem\.way: key '{key}' is missing"):
        read(frames(b"stem", header(b"stem", way={k: v for k, v in way.items() if k != key})))
    assert read(frames(b"stem", header(b"stem", way={**way, "strange": 1})))[0].way == WAY


@ALL
def test_pcm_comes_only_with_samples(kind: bytes) -> None:
    message = [*frames(kind, header(kind))[:2], b"1234"]
    if kind in CARRIES_PCM:
        assert read(message)[1] == b"1234"
    else:
        with pytest.raises(ProtocolError, match=rf"^{kind.decode()}: carries no pcm, got 4 bytes"):
            read(message)


def test_each_side_refuses_what_only_the_other_says() -> None:
    for kind in KINDS:
        other = from_daemon if kind in FROM_CLIENT else from_client
        with pytest.raises(ProtocolError, match=f"unknown kind '{kind.decode()}'"):
            other(frames(kind, header(kind)))


def test_headers_are_bounded() -> None:
    with pytest.raises(ProtocolError, match=f"over the limit of {MAX_HEADER}"):
        from_client([b"open", bytes(MAX_HEADER + 1), b""])
    with pytest.raises(ProtocolError, match=f"over the limit of {MAX_REPLY}"):
        from_daemon([b"state", bytes(MAX_REPLY + 1), b""])
    with pytest.raises(ProtocolError, match="exceeds max_array_len"):
        read(frames(b"open", header(b"open", stems=["a"] * (MAX_ITEMS + 1))))
    for value in (msgpack.ExtType(5, b"x"), msgpack.Timestamp(1)):
        with pytest.raises(ProtocolError, match="exceeds max_ext_len"):
            read(frames(b"state", header(b"state", state={"a": value})))
    state = {"streams": [{"stream": f"s{i}", "counters": list(range(50))} for i in range(1_000)]}
    assert from_daemon(frames(b"state", {"request": 1, "state": state}))[0].state == state


@given(st.sampled_from([k for k in KINDS if "request" in hints(KINDS[k])]), st.integers(0, 2**62))
def test_the_number_of_a_broken_request_can_still_be_told(kind: bytes, number: int) -> None:
    assert request_of(frames(kind, {"request": number, "strange": None})) == number
    for bad in (-1, 2**63, "1", 1.0, True, None):
        assert request_of(frames(kind, {"request": bad})) is None
    assert request_of([kind]) is None
