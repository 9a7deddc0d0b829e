"""Listening sockets that somebody else opened: `systemd-socket-activate` stands for systemd."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stemd.address import Address
from stemd.config import Config, Server
from stemd.errors import ConfigError
from stemd.service.activation import inherited_sockets, sockets_for
from tests.end_to_end.process import folder
from tests.end_to_end.raw import connected
from tests.waiting import wait_until


def places(address: str) -> list[str]:
    """Where the sockets of an address listen, as systemd says it."""
    parsed = Address.parse(address)
    return [endpoint.partition("://")[2] for endpoint in (parsed.requests, parsed.stems)]


@contextmanager
def activated(listening: Sequence[str], address: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A daemon that is started by whoever connects first."""
    sockets = [word for place in listening for word in ("--listen", place)]
    daemon = (sys.executable, "-m", "stemd", "serve", "--address", address)
    with log.open("wb") as out:
        process = subprocess.Popen(["systemd-socket-activate", *sockets, *daemon], stdout=out, stderr=out)
    try:
        wait_until(lambda: log.read_text().count("Listening on") == len(listening), "the sockets are open")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)


def free_port() -> int:
    """A port with a free one behind it."""
    for port in range(17_355, 18_355, 2):
        try:
            for number in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port
    raise AssertionError("no two free ports")


@pytest.mark.slow
@pytest.mark.needs("systemd")
@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_who_came_before_the_daemon_is_served_and_the_sockets_stay(transport: str) -> None:
    with folder() as place:
        address = f"ipc://{place}/s" if transport == "ipc" else f"tcp://127.0.0.1:{free_port()}"
        (place / "s").mkdir()
        with activated(places(address), address, place / "log") as daemon:
            with connected(address) as raw:
                assert raw.state()["version"]
            wait_until(lambda: "ready on" in (place / "log").read_text(), "the daemon is ready")
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(20) == 0, (place / "log").read_text()
            if transport == "ipc":
                assert all(Path(path).is_socket() for path in places(address)), "they are not the daemon's to remove"


@pytest.mark.needs("systemd")
def test_a_socket_that_would_not_be_served_is_refused() -> None:
    with folder() as place:
        elsewhere = f"{place}/other.sock"
        with (
            activated([elsewhere], f"ipc://{place}/s", place / "log") as daemon,
            socket.socket(socket.AF_UNIX) as caller,
        ):
            caller.connect(elsewhere)
            assert daemon.wait(20) == 78
        said = (place / "log").read_text()
        assert f"stemd.socket listens on ipc://{elsewhere}" in said
        assert "systemctl disable --now stemd.socket" in said


def test_another_process_sockets_are_not_taken() -> None:
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b", "HOME": "/"}
    assert inherited_sockets(environment) == {}
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize("count", ["", "two", "0"])
def test_nonsense_is_no_socket(count: str) -> None:
    assert inherited_sockets({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}) == {}


def test_what_is_no_socket_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setattr("stemd.service.activation._FIRST", file.fileno())
        with pytest.raises(ConfigError, match=r"is no socket"):
            inherited_sockets({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})


def test_endpoints_are_named_as_zeromq_names_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[tuple[socket.AddressFamily, Any, str]] = [
        (socket.AF_UNIX, str(tmp_path / "u"), f"ipc://{tmp_path}/u"),
        (socket.AF_INET, ("127.0.0.1", 0), "tcp://127.0.0.1:{port}"),
        (socket.AF_INET6, ("::1", 0), "tcp://[::1]:{port}"),
    ]
    for family, where, endpoint in made:
        with socket.socket(family) as listener:
            listener.bind(where)
            monkeypatch.setattr("stemd.service.activation._FIRST", listener.fileno())
            expected = endpoint.format(port=0 if family == socket.AF_UNIX else listener.getsockname()[1])
            found = inherited_sockets({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})
            assert found == {expected: listener.fileno()}
            assert not os.get_inheritable(listener.fileno())


def test_without_a_manager_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTEN_PID", "LISTEN_FDS"):
        monkeypatch.delenv(name, raising=False)
    assert sockets_for(Config(server=Server(address="ipc:///run/stemd"))) == {}
