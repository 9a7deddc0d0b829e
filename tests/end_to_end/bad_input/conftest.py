"""The witness goes on, whatever these tests do to the daemon."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.process import Daemon
from tests.end_to_end.witness import Witness


@pytest.fixture(scope="module")
def witness(daemon: Daemon) -> Iterator[Witness]:
    witness = Witness(daemon.address)
    try:
        yield witness
        witness.finish()
    finally:
        witness.close()


@pytest.fixture(autouse=True)
def _the_witness_goes_on(witness: Witness) -> Iterator[None]:
    with witness.going_on():
        yield
