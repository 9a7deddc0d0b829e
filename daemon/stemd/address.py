"""Where the daemon listens: one address for people, two endpoints for ZeroMQ."""

import ipaddress
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stemd.errors import ConfigError

DEFAULT_PORT = 7355


@dataclass(frozen=True, slots=True)
class Address:
    """`ipc:///a/folder` (two sockets in it) or `tcp://host:port` (stems at port + 1), as the two endpoints."""

    requests: str
    stems: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address.

        Raises:
            ConfigError: it is neither of the two forms.
        """
        if text.startswith("ipc:///"):
            folder = text.rstrip("/")
            return cls(f"{folder}/requests.sock", f"{folder}/stems.sock")
        scheme, _, rest = text.partition("://")
        host, _, port = rest.rpartition(":")
        if scheme == "tcp" and host and port.isdecimal() and 0 < int(port) < 65_535:
            return cls(text, f"tcp://{host}:{int(port) + 1}")
        raise ConfigError(f"address {text!r} is neither ipc:///a/folder nor tcp://host:port")

    @property
    def endpoints(self) -> tuple[str, str]:
        """Both, that for requests first."""
        return self.requests, self.stems

    @property
    def folder(self) -> Path | None:
        """The folder of the two sockets; None for TCP."""
        return Path(self.requests.removeprefix("ipc://")).parent if self.requests.startswith("ipc://") else None


def is_loopback(host: str) -> bool:
    """Whether a host, by name or number, is this machine as only itself can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_local(endpoint: str) -> bool:
    """Whether a ZeroMQ endpoint is out of reach for other machines; what is not understood counts as within it."""
    scheme, _, rest = endpoint.partition("://")
    host = rest.rpartition(":")[0].removeprefix("[").removesuffix("]")
    return scheme in ("ipc", "inproc") or (scheme == "tcp" and is_loopback(host))


def default_address() -> str:
    """`$STEMD_ADDRESS`; else a folder of this user's where there are Unix sockets; else loopback TCP."""
    if named := os.environ.get("STEMD_ADDRESS"):
        return named
    if os.name != "posix":
        return f"tcp://127.0.0.1:{DEFAULT_PORT}"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(runtime) / "stemd" if runtime else Path(tempfile.gettempdir()) / f"stemd-{os.getuid()}"
    return f"ipc://{folder}"
