"""The golden bytes: what goes over the wire does not change by accident, and other clients can replay it."""

import json
import re
from typing import Any

import pytest

from stemd.protocol import from_client, from_daemon, to_frames
from stemd.protocol.codec import FROM_CLIENT
from stemd.schema import build
from tests.protocol.make_golden import EXAMPLES, GOLDEN, texts
from tests.protocol.strategies import KINDS

NAMES = sorted(path.stem for path in GOLDEN.glob("*.hex"))


def frames(name: str) -> list[bytes]:
    """The parts in a .hex file, read as PROTOCOL.md describes it."""
    parts: dict[str, str] = {}
    for line in (GOLDEN / f"{name}.hex").read_text("utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text in ("kind", "header", "pcm"):
            parts[part := text] = ""
        elif text:
            parts[part] += text
    return [bytes.fromhex(parts[part]) for part in ("kind", "header", "pcm")]


def decoded(name: str) -> tuple[Any, bytes]:
    """The message in a .json file, and its PCM."""
    told = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    cls = KINDS[told["kind"].encode()]
    assert told["from"] == ("client" if cls.kind in FROM_CLIENT else "daemon")
    return build(cls, told["message"], name, strict=True), bytes.fromhex(told["pcm"])


@pytest.mark.parametrize("name", NAMES)
def test_golden_bytes_are_what_is_sent(name: str) -> None:
    message, pcm = decoded(name)
    assert [bytes(frame) for frame in to_frames(message, pcm)] == frames(name)


@pytest.mark.parametrize("name", NAMES)
def test_golden_bytes_are_understood(name: str) -> None:
    message, pcm = decoded(name)
    read = from_client if message.kind in FROM_CLIENT else from_daemon
    assert read(frames(name)) == (message, pcm)


def test_every_kind_has_golden_bytes() -> None:
    covered = {re.match("[a-z_]+", name)[0].encode() for name in NAMES}
    assert covered == set(KINDS)
    for name in NAMES:
        assert decoded(name)[0].kind.decode() == re.match("[a-z_]+", name)[0]


def test_the_folder_is_what_the_script_makes() -> None:
    found = {path.name: path.read_text("utf-8") for path in GOLDEN.iterdir()}
    assert found == texts(), "run python tests/protocol/make_golden.py, and say in PROTOCOL.md and CHANGELOG.md why"
    assert sorted(EXAMPLES) == NAMES
