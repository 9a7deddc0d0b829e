"""Who could reach the daemon: beyond this machine it asks for keys, and what cannot ask for them stays at home."""

from typing import TYPE_CHECKING

from stemd.address import is_local
from stemd.errors import ConfigError
from stemd.keys import Pair, daemon_file, read_pair

if TYPE_CHECKING:
    from stemd.config import Config


def asks_for_keys(config: "Config") -> bool:
    """Whether the daemon's sockets let in none but those whose keys are allowed."""
    return config.security.required or not is_local(config.address.requests)


def daemon_pair(config: "Config") -> Pair:
    """The daemon's own pair.

    Raises:
        ConfigError: it has none, it is damaged, or others can read it.
    """
    file = daemon_file(config.security.folder)
    if not file.exists():
        reason = "security.required is true" if config.security.required else "others can reach it there"
        raise ConfigError(
            f"address {config.address.requests}: {reason}, and the daemon has no key, by which it and its clients know "
            f"each other: stemd keys new --folder {file.parent}, then stemd keys allow; or listen on this machine alone"
        )
    return read_pair(file)


def check_exposure(config: "Config") -> None:
    """Refuse what would let in those who were not asked who they are.

    Raises:
        ConfigError: the address is beyond this machine and the daemon has no key that it could use; or the tap, which
            asks nobody, would give away what the sockets do not.
    """
    if asks_for_keys(config):
        daemon_pair(config)
    if config.server.tap and not is_local(config.server.tap):
        raise ConfigError(
            f"tap {config.server.tap!r}: others can reach it there, and a tap asks nobody for a key: put it on "
            "tcp://127.0.0.1:PORT or ipc:///a/socket, and let others in by server.address"
        )
    if config.server.tap.startswith("ipc://@"):
        raise ConfigError(
            f"tap {config.server.tap!r}: every user of this machine can reach an abstract socket, for it has no mode: "
            "put the tap on ipc:///a/socket"
        )
    if config.server.tap and config.security.required:
        raise ConfigError("tap: security.required is true, and a tap asks nobody for a key: leave one of them away")
