"""The guard at the list of keys: what is revoked is out soon, whatever became of the list before."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from stemd.config import Config, Security, Server
from stemd.errors import ConfigError
from stemd.keys import Pair, daemon_file, write_pair
from stemd.service.security import guard as module
from stemd.service.security.allowing import allowed_file, change_allowed, read_allowed
from stemd.service.security.guard import Guard
from stemd.service.security.keyring import Keyring
from tests.waiting import until

PATIENCE = 20.0
PROMISED = 0.5  # seconds after which a revoked key is out
UNUSABLE = {"no table": "clients = 7", "deeper than the reader can follow": "a = " + "[" * 5_000}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    write_pair(daemon_file(folder), Pair.new())
    return folder


@pytest.fixture
def guest(keys: Path) -> str:
    """A public key that is let in, under the name `guest`."""
    public = Pair.new().public
    change_allowed(keys, lambda ring: ring.allowing("guest", public, frozenset({"listen"})))
    return public


@pytest.fixture
def guard(keys: Path, guest: str) -> Guard:
    return Guard(Config(server=Server(address="tcp://0.0.0.0:7355"), security=Security(keys=str(keys))))


@pytest.fixture
def context() -> Iterator["zmq.Context[zmq.Socket[bytes]]"]:
    with zmq.Context() as context:
        yield context


def revoke(keys: Path) -> None:
    change_allowed(keys, lambda ring: ring.without("guest"))


async def test_a_revoked_key_is_out_within_half_a_second(
    guard: Guard,
    keys: Path,
    guest: str,
    context: "zmq.Context[zmq.Socket[bytes]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the clock of the event loop, which stands still but for that half second."""
    now = asyncio.get_running_loop().time()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    enforced = threading.Event()
    guard.changed = enforced.set
    guard.begin(context)
    try:
        await asyncio.sleep(0)
        revoke(keys)
        now += PROMISED
        assert await asyncio.to_thread(enforced.wait, PATIENCE)
        assert not guard.gate.lets_in(guest)
    finally:
        guard.end()


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE)
async def test_a_list_that_cannot_be_used_ends_no_watch_and_is_told_of_once(
    guard: Guard,
    keys: Path,
    guest: str,
    context: "zmq.Context[zmq.Socket[bytes]]",
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    text: str,
) -> None:
    monkeypatch.setattr(module, "_LOOK", 0.01)
    read = 0

    def reading(folder: Path) -> Keyring:
        nonlocal read
        read += 1
        return read_allowed(folder)

    monkeypatch.setattr(module, "read_allowed", reading)
    guard.begin(context)
    try:
        allowed_file(keys).write_text(text)
        await until(lambda: read >= 3, "it is read again and again")
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert ["the keys that were allowed before still are" in record.message for record in errors] == [True]
        assert guard.gate.lets_in(guest)
        allowed_file(keys).unlink()
        await until(lambda: not guard.gate.lets_in(guest), "the key is out")
    finally:
        guard.end()


async def test_what_was_not_enforced_is_tried_again(guard: Guard, keys: Path, guest: str) -> None:
    tries = []

    def failing_once() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("a fault in what ends sessions")

    guard.changed = failing_once
    revoke(keys)
    for _ in range(3):
        await guard.look()
    assert len(tries) == 2


async def test_a_list_whose_mode_was_mended_is_read(guard: Guard, keys: Path, guest: str) -> None:
    file = allowed_file(keys)
    revoke(keys)
    file.chmod(0o644)
    await guard.look()
    assert guard.gate.lets_in(guest), "others could have written it"
    file.chmod(0o600)
    await guard.look()
    assert not guard.gate.lets_in(guest)


async def test_of_two_looks_that_overlap_the_newer_list_holds(
    guard: Guard, keys: Path, guest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, go_on = threading.Event(), threading.Event()

    def slow_at_first(folder: Path) -> Keyring:
        ring = read_allowed(folder)
        if not read.is_set():
            read.set()
            go_on.wait(PATIENCE)
        return ring

    monkeypatch.setattr(module, "read_allowed", slow_at_first)
    change_allowed(keys, lambda ring: ring.allowing("other", Pair.new().public, frozenset({"send"})))
    first = asyncio.create_task(guard.look())
    await until(read.is_set, "the first look has read the list")
    revoke(keys)
    second = asyncio.create_task(guard.look())
    await asyncio.wait([second], timeout=0.5)  # without turns it would be over by now
    go_on.set()
    await asyncio.gather(first, second)
    assert not guard.gate.lets_in(guest)


def test_a_list_that_cannot_be_looked_at_is_not_an_empty_one(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refused)
    with pytest.raises(ConfigError, match=r"allowed\.toml: cannot be read \(Permission denied\)"):
        read_allowed(keys)
