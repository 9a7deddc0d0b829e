"""A daemon with time to spare, and `stemd web` before it."""

from collections.abc import Iterator

import pytest

from tests.clients.web.performing import ROOMY, serving
from tests.end_to_end.process import Daemon, running


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running(ROOMY) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def url(daemon: Daemon) -> Iterator[str]:
    with serving("--port", "0", "--address", daemon.address) as url:
        yield url
