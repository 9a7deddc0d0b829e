"""A free stream and a realtime one that go on, whatever these tests do to the daemon and to its other clients."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.faults.playing import ROOMY, Playing, playing_on
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.witness import Witness, watching


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    """A module that wants another configuration has a fixture of its own; what plays wants ROOMY in any."""
    with running({"realtime": ROOMY}) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def witness(daemon: Daemon) -> Iterator[Witness]:
    with watching(daemon.address) as witness:
        yield witness


@pytest.fixture
def others(daemon: Daemon, witness: Witness) -> Iterator[Playing]:
    """Both streams go on while the test lasts: the realtime one is given."""
    with witness.going_on(), playing_on(daemon.address) as player:
        yield player
