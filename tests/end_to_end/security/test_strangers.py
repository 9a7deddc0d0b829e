"""Who has no key that is allowed: nobody of them gets a word out of the daemon, however they knock."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

import msgpack
import pytest
import zmq

from stemd.address import Address
from stemd.errors import ConfigError, ConnectionLostError
from stemd.keys import OwnKey, Pair
from stemd.protocol import Hello, to_frames
from stemd_client import sync
from tests.end_to_end.process import Daemon, folder, one_line, refused
from tests.end_to_end.raw import Raw
from tests.end_to_end.security.hostile import DEALER_1, DEALER_2, frames, greeting, hung_up, knocking, plugged
from tests.end_to_end.security.premises import Premises, reachable

HELLO = [bytes(part) for part in to_frames(Hello(1, 1, 0, "stranger", ()))]
FAILED = (
    zmq.Event.HANDSHAKE_FAILED_AUTH,
    zmq.Event.HANDSHAKE_FAILED_PROTOCOL,
    zmq.Event.HANDSHAKE_FAILED_NO_DETAIL,
)
HALF_OPEN = 200
HANDSHAKE_SECONDS = 5.0


IMPOSTORS: dict[str, Callable[[Premises, OwnKey], OwnKey | None]] = {
    "no key": lambda premises, allowed: None,
    "a key that is not allowed": lambda premises, allowed: OwnKey("x", Pair.new(), premises.pair.public),
    "a key for another daemon": lambda premises, allowed: OwnKey("x", allowed.pair, Pair.new().public),
}


@pytest.mark.parametrize("impostor", IMPOSTORS.values(), ids=IMPOSTORS)
def test_who_has_not_the_right_key_hears_nothing(
    daemon: Daemon, premises: Premises, key: Callable[..., OwnKey], impostor: Callable[..., OwnKey | None]
) -> None:
    own = impostor(premises, key("listen"))
    with knocking(daemon.address, own) as stranger:
        for socket in (stranger.requests, stranger.stems):
            with suppress(zmq.Again):  # where it is over already
                socket.send_multipart(HELLO)
        for link in stranger.links:
            assert link.until(*FAILED, zmq.Event.HANDSHAKE_SUCCEEDED) in FAILED
        assert not stranger.requests.poll(100)
        assert not stranger.stems.poll(0)


RAW = {
    "ZMTP 3 without encryption": greeting(b"NULL") + frames(*HELLO),
    "ZMTP 3 with a password": greeting(b"PLAIN") + b"\x04\x0d\x05HELLO\x03abc\x03abc",
    "ZMTP 3 with a mechanism that is none": greeting(b"\xff" * 20),
    "ZMTP 2, which knows no keys": DEALER_2 + frames(*HELLO),
    "ZMTP 1, which knows no keys": DEALER_1 + frames(*HELLO),
    "HTTP": b"GET / HTTP/1.1\r\nHost: stemd\r\n\r\n",
    "a handshake of zeros": greeting(b"CURVE") + b"\x04\xc8\x05HELLO" + bytes(194),
    "a handshake of 8 EiB": greeting(b"CURVE") + b"\x06" + b"\x7f" + b"\xff" * 7,
    "a message in place of a handshake": greeting(b"CURVE") + frames(*HELLO),
}


@pytest.mark.slow
@pytest.mark.parametrize("said", RAW.values(), ids=RAW)
@pytest.mark.parametrize("port", ["requests", "stems"])
def test_who_speaks_another_way_is_hung_up_on_and_learns_nothing(daemon: Daemon, said: bytes, port: str) -> None:
    with plugged(getattr(Address.parse(daemon.address), port)) as plug:
        plug.sendall(said)
        heard = hung_up(plug)
    assert len(heard) <= len(greeting(b"CURVE")), "more than the daemon's own greeting"
    assert b"stemd" not in heard


@pytest.mark.slow
def test_who_says_nothing_is_hung_up_on(daemon: Daemon) -> None:
    endpoint = Address.parse(daemon.address).requests
    with plugged(endpoint) as silent, plugged(endpoint) as slow:
        began = time.monotonic()
        slow.sendall(greeting(b"CURVE"))
        hung_up(silent)
        hung_up(slow)
        assert time.monotonic() - began < 4 * HANDSHAKE_SECONDS


@pytest.mark.slow
def test_many_who_say_nothing_keep_nobody_out(
    daemon: Daemon, key: Callable[..., OwnKey], enter: Callable[[OwnKey], Raw]
) -> None:
    endpoint = Address.parse(daemon.address).requests
    own = key("listen")
    with ExitStack() as plugs:
        for number in range(HALF_OPEN):
            plug = plugs.enter_context(plugged(endpoint))
            if number % 2:
                plug.sendall(greeting(b"CURVE")[: number % 64])
        assert enter(own).state()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["none", "not allowed", "of another daemon"])
def test_a_client_says_why_nobody_answers(
    daemon: Daemon, premises: Premises, key: Callable[..., OwnKey], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(premises.clients))
    own = key()
    if kind == "of another daemon":
        text = premises.file(own.name).read_text().replace(premises.pair.public, Pair.new().public)
        premises.file(own.name).write_text(text)
    file = None if kind == "none" else premises.file(own.name)
    # Where others could answer it does not even try without a key.
    kinds = (ConnectionLostError, ConfigError) if kind == "none" else ConnectionLostError
    with pytest.raises(kinds) as fault, sync.Client(daemon.address, key=file, connect_timeout=1.5):
        pass
    words = {
        "none": ["lets in none but those whose keys it knows", "stemd keys new", "--key"],
        "not allowed": [f"does not let the key {own.name!r} in", f"stemd keys allow {own.name} ", own.pair.public],
        "of another daemon": [f"has not the key that {own.name!r} was made for", "stemd keys list"],
    }
    for word in words[kind]:
        assert word in str(fault.value)
    assert own.pair.secret not in str(fault.value)


@pytest.mark.skipif(reachable() is None, reason="this machine has no address that others could reach it by")
def test_without_keys_nothing_listens_where_others_could_reach_it() -> None:
    with folder() as place:
        status, errors = refused(place, f"tcp://{reachable()}:7355")
    assert (status, one_line(errors)) == (78, True), errors
    assert "others can reach it there" in errors
    assert "stemd keys new" in errors


def test_strangers_are_counted(daemon: Daemon, premises: Premises, admin: Raw) -> None:
    before = admin.state()["security"]["strangers"]
    unknown = OwnKey("x", Pair.new(), premises.pair.public)
    with knocking(daemon.address, unknown) as stranger:
        stranger.links[0].until(zmq.Event.HANDSHAKE_FAILED_AUTH)
    assert admin.state()["security"]["strangers"] > before
    assert msgpack.packb(admin.state()["security"]).find(unknown.pair.public.encode()) < 0
