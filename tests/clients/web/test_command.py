"""Laws of `stemd web` as a program."""

import http.client
import socket
from urllib.parse import urlsplit

import pytest

from tests.clients.web.performing import Server, serving

NOWHERE = ("--address", "ipc:///nowhere")
pytestmark = pytest.mark.slow


def test_it_serves_before_there_is_a_daemon_and_ends_cleanly() -> None:
    with serving("--port", "0", *NOWHERE) as url:
        assert "token" not in url
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()


def ipv6() -> bool:
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


OF_IPV6 = pytest.param("::", marks=pytest.mark.skipif(not ipv6(), reason="this machine has no IPv6"))


@pytest.mark.parametrize("everywhere", ["0.0.0.0", OF_IPV6])  # noqa: S104 - that is what is tested
def test_beyond_this_machine_the_address_that_it_prints_has_a_token_and_can_be_opened(everywhere: str) -> None:
    with serving("--port", "0", "--host", everywhere, *NOWHERE) as url:
        parts = urlsplit(url)
        assert parts.hostname != everywhere
        for query, status in (("", 401), (parts.query, 200)):
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=10)
            connection.request("GET", f"/?{query}", headers={"Host": parts.netloc})
            assert connection.getresponse().status == status
            connection.close()


def refusal(*arguments: str) -> tuple[int, str]:
    server = Server(*arguments, *NOWHERE)
    _, errors = server.process.communicate(timeout=30)
    return server.process.returncode, errors


def test_a_port_in_use_is_told_in_one_line() -> None:
    with serving("--port", "0", *NOWHERE) as url:
        port = str(urlsplit(url).port)
        status, errors = refusal("--port", port)
    assert status == 1
    assert errors == (
        f"stemd: port {port} of 127.0.0.1 is in use, perhaps by another `stemd web`; choose another with --port\n"
    )


@pytest.mark.parametrize(
    "arguments", [("--host", "192.0.2.77"), ("--host", "no.such.host.invalid"), ("--port", "70000")]
)
def test_an_address_that_cannot_be_is_told_in_one_line(arguments: tuple[str, str]) -> None:
    status, errors = refusal(*arguments)
    assert status == 78
    assert errors.startswith("stemd: --")
    assert errors.count("\n") == 1
