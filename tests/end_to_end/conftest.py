"""A real daemon for each module of tests, and clients for it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.end_to_end.process import Daemon, running
from tests.end_to_end.raw import Raw, connected


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running() as daemon:
        yield daemon


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
