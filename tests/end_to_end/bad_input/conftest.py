"""The witness goes on, whatever these tests do to the daemon."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.process import Daemon
from tests.end_to_end.witness import Witness, watching


@pytest.fixture(scope="module")
def witness(daemon: Daemon) -> Iterator[Witness]:
    with watching(daemon.address) as witness:
        yield witness


@pytest.fixture(autouse=True)
def _the_witness_goes_on(witness: Witness) -> Iterator[None]:
    with witness.going_on():
        yield
