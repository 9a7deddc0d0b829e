from collections.abc import Iterator

import pytest

from tests.devices.pulse import PulseServer, pulse_server

SINKS = {"speakers": 48_000, "src": 48_000, "out": 48_000, "cd": 44_100}


@pytest.fixture(scope="session")
def pulse() -> Iterator[PulseServer]:
    """One server for all tests that leave it alive."""
    with pulse_server(SINKS) as server:
        yield server
