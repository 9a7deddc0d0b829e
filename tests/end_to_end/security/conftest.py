"""A daemon that asks for keys, an administrator, and a witness whose stream goes on whatever is tried."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from stemd.keys import OwnKey, read_own
from stemd.service.security.keyring import Right
from tests.end_to_end.process import Daemon
from tests.end_to_end.raw import Raw, connected
from tests.end_to_end.security.hostile import account
from tests.end_to_end.security.premises import Premises, guarded
from tests.end_to_end.witness import Witness, watching
from tests.waiting import wait_until

LIMITS = {
    "max_clients": 5,
    "max_streams": 2,
    "max_subscriptions": 8,
    "messages_per_second": 2_000,
    "bytes_per_second": 2**24,
    "message_bytes": 2**18,
}


@pytest.fixture(scope="session")
def guarded_daemon() -> Iterator[tuple[Daemon, Premises]]:
    with guarded(LIMITS) as pair:
        yield pair


@pytest.fixture(scope="module")
def daemon(guarded_daemon: tuple[Daemon, Premises]) -> Daemon:
    return guarded_daemon[0]


@pytest.fixture(scope="module")
def premises(guarded_daemon: tuple[Daemon, Premises]) -> Premises:
    return guarded_daemon[1]


@pytest.fixture(scope="module")
def witness(daemon: Daemon, premises: Premises) -> Iterator[Witness]:
    with watching(daemon.address, premises.file("witness")) as witness:
        yield witness


@pytest.fixture(autouse=True)
def _the_witness_goes_on(witness: Witness) -> Iterator[None]:
    with witness.going_on():
        yield


@pytest.fixture
def admin(daemon: Daemon, premises: Premises) -> Iterator[Raw]:
    """A client with every right."""
    with connected(daemon.address, key=read_own(premises.file("admin"))) as admin:
        yield admin


_numbers = itertools.count(1)


@pytest.fixture
def key(premises: Premises, admin: Raw) -> Callable[..., OwnKey]:
    """Makes keys; those with rights are allowed, and the daemon knows it."""

    def make(*rights: Right) -> OwnKey:
        own = premises.key(f"key-{next(_numbers)}", *rights)
        if rights:
            wait_until(lambda: account(admin, own), "the daemon knows the new key")
        return own

    return make


@pytest.fixture
def enter(daemon: Daemon) -> Iterator[Callable[[OwnKey], Raw]]:
    """Connects and greets with a key."""
    with ExitStack() as clients:

        def come(own: OwnKey) -> Raw:
            client = clients.enter_context(connected(daemon.address, key=own, greet=False))
            return client.meet()

        yield come
