"""Laws of the address that a phone is given."""

import socket

import pytest

from stemd_client.web.phone import lan_address, page_address


@pytest.mark.parametrize(("everywhere", "family"), [("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6)])  # noqa: S104
def test_it_is_of_the_kind_that_the_server_listens_at(everywhere: str, family: socket.AddressFamily) -> None:
    name = lan_address(everywhere)
    assert name != everywhere
    assert family in {info[0] for info in socket.getaddrinfo(name, 80)}


def test_without_a_network_it_is_one_that_this_machine_can_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("socket.socket", none)
    assert page_address(lan_address("::"), 7380, None) == "http://[::1]:7380/"
    assert lan_address("0.0.0.0") == socket.gethostname()  # noqa: S104


@pytest.mark.parametrize("host", ["127.0.0.1", "studio.lan", "fd00::2"])
def test_a_host_that_was_said_is_said_again(host: str) -> None:
    assert lan_address(host) == host


def test_numbers_of_ipv6_stand_in_brackets() -> None:
    assert page_address("fd00::2", 7380, "secret") == "http://[fd00::2]:7380/?token=secret"
