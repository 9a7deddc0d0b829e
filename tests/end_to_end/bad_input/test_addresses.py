"""A second daemon where one listens already: it is refused, and the first goes on."""

import os
import stat
from pathlib import Path

import pytest

from stemd.address import Address
from tests.end_to_end.process import Daemon, folder, one_line, refused
from tests.end_to_end.raw import Raw, connected

EX_CONFIG = 78


def test_a_second_daemon_at_an_address_is_refused_and_the_first_goes_on(raw: Raw, daemon: Daemon) -> None:
    assert raw.state()
    with folder() as place:
        status, errors = refused(place, daemon.address)
    assert status == EX_CONFIG
    assert one_line(errors), errors
    assert Address.parse(daemon.address).requests in errors
    assert "--address" in errors
    assert raw.state()["uptime"] > 0
    with connected(daemon.address) as late:
        assert late.state()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_nobody_else_can_reach_the_sockets(daemon: Daemon) -> None:
    address = Address.parse(daemon.address)
    for endpoint in (address.requests, address.stems):
        mode = Path(endpoint.removeprefix("ipc://")).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert address.folder is not None
    assert stat.S_IMODE(address.folder.stat().st_mode) == 0o700
