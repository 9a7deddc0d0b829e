"""PROTOCOL.md says what the code does: every kind, field, type, limit and code is compared."""

import asyncio
import re
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
import zmq

import stemd.protocol
from stemd.audio import Format
from stemd.errors import BY_CODE, StemdError
from stemd.protocol import (
    BlockSize,
    Channels,
    Count,
    Credits,
    Delivery,
    Flag,
    Gain,
    Instant,
    Mixture,
    Name,
    Plan,
    Rate,
    Request,
    Share,
    Stem,
    Text,
    Timing,
    Way,
    fields,
)
from stemd.protocol.codec import FROM_CLIENT, FROM_DAEMON
from stemd.schema import Matches, Range
from tests.clients.fake import fake_daemon, stem
from tests.protocol.make_golden import GOLDEN
from tests.protocol.strategies import KINDS, hints, optional

TEXT = (Path(stemd.protocol.__file__).parent / "PROTOCOL.md").read_text("utf-8")
TYPES: dict[str, Any] = {
    "bool": bool,
    "count": Count,
    "instant": Instant,
    "name": Name,
    "text": Text,
    "rate": Rate,
    "channels": Channels,
    "blocksize": BlockSize,
    "credits": Credits,
    "gain": Gain,
    "share": Share,
    "format": Format,
    "timing": Timing,
    "delivery": Delivery,
    "flag": Flag,
    "plan": Plan,
    "way": Way,
    "map": dict[str, Any],
    "nil": type(None),
}


def section(title: str) -> str:
    """The text below a heading, up to the next of its rank or above."""
    rank = title.partition(" ")[0]
    found = re.search(rf"^{re.escape(title)}\n(.*?)(?=^#{{1,{len(rank)}}} |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {title!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The rows of the one table in a text, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def described(hint: Any) -> str:
    """A type in the words of the page."""
    for word, known in TYPES.items():
        if hint == known:
            return word
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        return f"list of {described(args[0])}"
    if origin is dict:
        return f"map of {described(args[0])} to {described(args[1])}"
    return " or ".join(described(arg) for arg in args)


def test_every_kind_has_a_heading_and_no_other() -> None:
    titles = re.findall(r"^### `(\w+)`$", section("## Messages"), re.MULTILINE)
    assert sorted(titles) == sorted(kind.decode() for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=bytes.decode)
def test_the_table_of_a_kind_has_its_fields_and_their_types(kind: bytes) -> None:
    table = rows(section(f"### `{kind.decode()}`"))
    expected = [(f"`{name}`", described(hint)) for name, hint in hints(KINDS[kind]).items()]
    assert [(name, hint) for name, hint, _ in table] == expected
    assert all(meaning for _, _, meaning in table)
    left_out = {name.strip("`") for name, _, meaning in table if "left out" in meaning}
    assert left_out == set(optional(KINDS[kind]))


@pytest.mark.parametrize("kind", KINDS, ids=bytes.decode)
def test_a_kind_says_which_way_it_goes_and_what_answers(kind: bytes) -> None:
    text = section(f"### `{kind.decode()}`").strip()
    way = "client → daemon" if kind in FROM_CLIENT else "daemon → client"
    socket = "stems" if kind in (b"attach", b"attached", b"stem") else "requests"
    assert text.startswith(f"{way}, {socket}")
    assert ("carries PCM" in text.split("\n\n")[0]) == (KINDS[kind] in (Mixture, Stem))
    answer = re.search(r"answered by `(\w+)`", text)
    if KINDS[kind] in get_args(Request):
        assert "request" in hints(FROM_DAEMON[answer[1].encode()])


def test_the_types_are_those_of_the_code_with_their_ranges() -> None:
    table = {name.strip("`"): words for name, _, words in rows(section("### Types"))}
    assert set(table) == set(TYPES) - {"nil"}
    for name, words in table.items():
        assert all(token in words for token in ranges(TYPES[name])), (name, words)


def ranges(hint: Any) -> list[str]:
    """What the row of a type must say."""
    if get_origin(hint) is Annotated:
        rule = get_args(hint)[1]
        if isinstance(rule, Range):
            return [f"{power(rule.low)} to {power(rule.high)}"]
        assert isinstance(rule, Matches)
        return [f"`{rule.pattern}`"] if hint is Name else [re.search(r"\d{3,}", rule.pattern)[0]]
    if hint in (Plan, Way):
        return [word for name, each in hints(hint).items() for word in (f"`{name}`", *ranges(each))]
    return [f"`{word}`" for word in get_args(hint) if isinstance(word, str)]


def power(number: float) -> str:
    return {2**62: "2^62", -(2**62): "-2^62"}.get(int(number), str(int(number)))


def test_the_limits_are_those_of_the_code() -> None:
    table = {name.strip("`"): value for name, value, _ in rows(section("### Limits"))}
    assert table == {
        name: str(getattr(fields, name)) for name in vars(fields) if name.startswith("MAX_") and name in table
    }
    own = {name for name in vars(fields) if name.startswith("MAX_")} - {"MAX_RATE", "MAX_CHANNELS"}
    assert set(table) == own
    assert f"`ping` every {fields.PING_INTERVAL:g} s" in TEXT
    assert f"for {fields.MISSES_UNTIL_GONE * fields.PING_INTERVAL:g} s" in TEXT
    assert f"version {fields.MAJOR}.{fields.MINOR}" in TEXT.splitlines()[0]


def test_the_codes_are_those_of_the_code_with_their_families() -> None:
    table = {code.strip("`"): family.strip("`") for code, family, _ in rows(section("## Codes"))}
    families = {code: cls.__mro__[1] for code, cls in BY_CODE.items()}
    expected = {c: "" if p in (StemdError, Exception) else p.code for c, p in families.items()}
    assert table == expected


def test_the_examples_are_the_golden_bytes() -> None:
    shown = re.findall(r"^```text\n(.*?)^```", TEXT.partition("## Examples in hex")[2], re.MULTILINE | re.DOTALL)
    assert shown == [(GOLDEN / f"{name}.hex").read_text("utf-8") for name in ("hello", "mixture", "stem")]


async def test_the_client_in_ten_lines_works(monkeypatch: pytest.MonkeyPatch) -> None:
    [code] = re.findall(r"^```python\n(.*?)^```", section("## A client in another language"), re.MULTILINE | re.DOTALL)
    async with fake_daemon() as (daemon, address):
        out = BytesIO()
        names: dict[str, Any] = {"ADDRESS": address, "out": out}

        def run() -> None:
            exec(code, names)  # noqa: S102 - the point
            names["requests"].close()
            names["stems"].close()

        # If this goes wrong, the thread must not wait for ever.
        monkeypatch.setitem(zmq.Context.instance().sockopts, zmq.RCVTIMEO, 10_000)
        running = asyncio.create_task(asyncio.to_thread(run))
        await daemon.until_came(stemd.protocol.Attach)  # on the other socket, so it may come after what follows it
        await daemon.until_came(stemd.protocol.Subscribe)
        for sequence in range(3):
            await daemon.send(stem(sequence), bytes([sequence]) * 32)
        await daemon.send(stem(3, "end"))
        await asyncio.wait_for(running, 5)
        assert out.getvalue() == bytes(32) + bytes([1]) * 32 + bytes([2]) * 32
        assert [credit.until for credit in await daemon.until_came(stemd.protocol.Credit, 3)] == [17, 18, 19]
