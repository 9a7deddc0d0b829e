"""A daemon that other machines can reach, its folder of keys, and clients with keys of their own."""

import ipaddress
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stemd.keys import OwnKey, Pair, daemon_file, write_own, write_pair
from stemd.service.security.allowing import change_allowed
from stemd.service.security.keyring import RIGHTS, Right
from tests.end_to_end.process import Daemon, folder, free_port, running


class Premises:
    """The daemon's keys, whom it lets in, and where the clients' keys are."""

    def __init__(self, place: Path) -> None:
        self.keys = place / "keys"
        self.clients = place / "clients"
        self.pair = Pair.new()
        write_pair(daemon_file(self.keys), self.pair)

    def key(self, name: str, *rights: Right) -> OwnKey:
        """A new key; allowed here, if it has rights."""
        own = OwnKey(name, Pair.new(), self.pair.public)
        write_own(self.file(name), own)
        if rights:
            self.allow(own, *rights)
        return own

    def file(self, name: str) -> Path:
        """Where a client's key is."""
        return self.clients / f"{name}.toml"

    def allow(self, own: OwnKey, *rights: Right) -> None:
        """Let a key in, or give it other rights."""
        change_allowed(self.keys, lambda ring: ring.allowing(own.name, own.pair.public, frozenset(rights)))

    def revoke(self, own: OwnKey) -> None:
        """Let a key in no more, as people do."""
        command = [sys.executable, "-m", "stemd", "keys", "revoke", own.name, "--folder", str(self.keys)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def reachable() -> str | None:
    """A number of this machine's that others could reach it by; None: it is alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        host: str = probe.getsockname()[0]
    return None if ipaddress.ip_address(host).is_loopback else host


def place_of_daemon() -> tuple[str, dict[str, Any]]:
    """An address, and what the configuration says of security: where nobody could reach it, keys are wanted anyway."""
    host, security = reachable(), {}
    if host is None:
        host, security = "127.0.0.1", {"required": True}
    return f"tcp://{host}:{free_port(host)}", security


@contextmanager
def guarded(limits: Mapping[str, int] | None = None) -> Iterator[tuple[Daemon, Premises]]:
    """A daemon that serves and asks for keys, which knows `admin` (all rights)."""
    address, security = place_of_daemon()
    with folder() as place:
        premises = Premises(place)
        premises.key("admin", *RIGHTS)
        premises.key("witness", "listen", "send")
        table = {"security": {**security, "keys": str(premises.keys), **(limits or {})}}
        with running(table, address) as daemon:
            yield daemon, premises
