from collections.abc import Iterator

import pytest

from tests.devices.pulse import PulseServer, pulse_server
from tests.live.performing import SINKS


@pytest.fixture(scope="module")
def pulse() -> Iterator[PulseServer]:
    with pulse_server(SINKS) as server:
        yield server
