"""A real daemon, and clients for it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.end_to_end.process import Daemon, running
from tests.end_to_end.raw import Raw, connected


@pytest.fixture(scope="session")
def shared() -> Iterator[Callable[[], Daemon]]:
    """Gives one daemon to all, and another should that have died."""
    with ExitStack() as stack:
        daemons: list[Daemon] = []

        def give() -> Daemon:
            if not daemons or daemons[-1].process.poll() is not None:
                daemons.append(stack.enter_context(running()))
            return daemons[-1]

        yield give


@pytest.fixture(scope="module")
def daemon(shared: Callable[[], Daemon]) -> Daemon:
    """The daemon of a module's tests; a module that wants another configuration has a fixture of its own."""
    return shared()


_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A stream's name that no other test has."""
    return f"desk-{next(_numbers)}"


@pytest.fixture
def connect(daemon: Daemon) -> Iterator[Callable[[], Raw]]:
    """Makes raw clients that have said hello."""
    with ExitStack() as clients:
        yield lambda: clients.enter_context(connected(daemon.address))


@pytest.fixture
def raw(connect: Callable[[], Raw]) -> Raw:
    """A raw client that has said hello."""
    return connect()
