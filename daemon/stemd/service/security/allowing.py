"""The folder of the daemon's keys: its own pair, and the list of those who may come in."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import filelock
import msgspec

from stemd import toml
from stemd.errors import ConfigError
from stemd.keys import as_owner, check_name, check_private, check_public, make_folder, write_private
from stemd.keys.pair import ALLOWED_FILE
from stemd.service.security.keyring import Entry, Keyring, Right, in_order

_HEAD: Final = (
    "# Who may talk to this daemon. `stemd keys allow` and `stemd keys revoke` write it; the daemon reads it anew.\n"
)
_PATIENCE: Final = 10.0  # seconds to wait for another writer


class _Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    public: str
    rights: Annotated[tuple[Right, ...], msgspec.Meta(min_length=1)]


class _Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    clients: dict[str, _Client] = {}


def allowed_file(folder: Path) -> Path:
    """Where the list is."""
    return folder / ALLOWED_FILE


def read_allowed(folder: Path) -> Keyring:
    """Whom the daemon lets in; nobody where there is no list.

    Raises:
        ConfigError: others can read it, or it is damaged.
    """
    path = allowed_file(folder)
    try:
        path.stat()
    except FileNotFoundError:
        return Keyring()
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror}); check its permissions") from exc
    check_private(path)
    allowed = toml.read(path, _Allowed, ConfigError, "mend it, or delete it and allow each key anew: stemd keys allow")
    try:
        return Keyring(
            Entry(check_name(name), check_public(client.public), frozenset(client.rights))
            for name, client in allowed.clients.items()
        )
    except ConfigError as exc:
        raise ConfigError(f"{path}: {exc}") from exc


def change_allowed(folder: Path, change: Callable[[Keyring], Keyring]) -> Keyring:
    """Write another list; of two who do so at once, one waits.

    Args:
        folder: of the daemon's keys.
        change: makes the new list of the old.

    Returns:
        The new one.

    Raises:
        ConfigError: what `change` raises; or see `read_allowed`; or it cannot be written.
    """
    path, lock = allowed_file(folder), folder / f".{ALLOWED_FILE}.lock"
    try:
        with as_owner(folder):
            make_folder(folder)
            with filelock.FileLock(lock, timeout=_PATIENCE, mode=0o600):
                ring = change(read_allowed(folder))
                write_private(path, _text(ring))
    except filelock.Timeout as exc:
        raise ConfigError(f"{path}: another `stemd keys` is writing it and does not end; look for it") from exc
    except OSError as exc:
        raise ConfigError(f"{lock}: cannot be written ({exc.strerror})") from exc
    return ring


def _text(ring: Keyring) -> str:
    clients = {entry.name: _Client(entry.public, tuple(in_order(entry.rights))) for entry in ring}
    return f"{_HEAD}\n{toml.written(_Allowed(clients))}"
