"""One machine for all tests of a run, with stemd installed as its service; each test finds it as it was installed."""

import os
from collections.abc import Iterator

import pytest

from tests.systemd.machine import Machine, booted
from tests.systemd.service import Service


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("only root can boot a container")
    with booted() as made:
        yield made


@pytest.fixture(scope="session")
def installed(machine: Machine) -> Iterator[Service]:
    """The service, installed as a person would."""
    service = Service(machine)
    service.install()
    yield service
    service.uninstall()


@pytest.fixture
def service(installed: Service) -> Iterator[Service]:
    """The service, running with the configuration that the tests need; put right afterwards."""
    installed.start()
    yield installed
    installed.put_right()
