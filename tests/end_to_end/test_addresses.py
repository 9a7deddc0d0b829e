"""Places where a daemon cannot listen: it says so in one line, and ends with status 78."""

import signal
import socket
from pathlib import Path

import pytest

from stemd.address import Address
from stemd_client import sync
from tests.end_to_end.process import Daemon, folder, free_port, one_line, refused, running
from tests.end_to_end.raw import connected

EX_CONFIG = 78


@pytest.mark.parametrize("taken", [0, 1], ids=["requests", "stems"])
def test_a_port_in_use_is_named(taken: int) -> None:
    port = free_port()
    with socket.socket() as other, folder() as place:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port + taken))
        other.listen()
        status, errors = refused(place, f"tcp://127.0.0.1:{port}")
    assert status == EX_CONFIG
    assert one_line(errors), errors
    assert f"tcp://127.0.0.1:{port + taken}" in errors
    assert "in use" in errors


def test_a_second_daemon_at_a_tcp_port_is_refused_and_the_first_goes_on() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with running(address=address) as first, connected(address) as client:
        with folder() as place:
            status, errors = refused(place, address)
        assert (status, one_line(errors)) == (EX_CONFIG, True), errors
        assert client.state()["clients"] == 1
        assert first.process.poll() is None


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
def test_an_address_of_ipv6_serves_as_any_other() -> None:
    address = f"tcp://[::1]:{free_port('::1')}"
    with running(address=address), sync.Client(address) as client:
        assert client.status()["streams"] == []


@pytest.mark.parametrize("address", ["ipc://relative", "tcp://127.0.0.1"])
def test_an_address_of_neither_form_is_named(address: str) -> None:
    with folder() as place:
        status, errors = refused(place, address)
    assert (status, one_line(errors)) == (EX_CONFIG, True), errors
    assert repr(address) in errors


UNUSABLE = {
    "where nobody may make folders": "ipc:///proc/stemd",
    "too long for a socket": f"ipc://{{place}}/{'x' * 120}",
    "an address of another host": "tcp://192.0.2.1:7355",
    "a host that is none": "tcp://no-such-host.invalid:7355",
}


@pytest.mark.parametrize("template", UNUSABLE.values(), ids=UNUSABLE)
def test_a_place_where_nobody_can_listen_is_named(template: str) -> None:
    with folder() as place:
        address = template.format(place=place)
        status, errors = refused(place, address)
    assert (status, one_line(errors)) == (EX_CONFIG, True), errors
    assert address.removeprefix("ipc://") in errors


def test_sockets_left_by_a_killed_daemon_are_no_hindrance() -> None:
    with folder() as place:
        address = f"ipc://{place}/s"
        first = Daemon(place, address=address)
        first.wait_until_ready()
        first.signal(signal.SIGKILL)
        first.wait()
        assert Path(Address.parse(address).requests.removeprefix("ipc://")).exists()
        second = Daemon(place, address=address)
        try:
            second.wait_until_ready()
            with connected(address) as client:
                assert client.state()
            second.stop()
        finally:
            second.kill()
