"""A client's own key: its pair, and the public key of the daemon that it is for."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from stemd.address import Address
from stemd.errors import ConfigError
from stemd.keys.pair import ALLOWED_FILE, DAEMON_FILE, SECRECY, Pair, check_public, pair_of, read_table, toml_lines
from stemd.keys.private import default_folder, write_private


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A pair, and whom it is for.

    Attributes:
        name: of the file, without its suffix.
        pair: of the client.
        daemon: the public key of the daemon, by which the client knows that it is no other.
        address: of that daemon, for which the key is taken unasked; empty: for none.
    """

    name: str
    pair: Pair
    daemon: str
    address: str = ""


def find_key(key: str | Path | None, address: str) -> OwnKey | None:
    """The key for a daemon.

    Args:
        key: its name in this user's folder, or a file's path; None: what `$STEMD_KEY` says, else the one in the folder
            that was made for this address.
        address: of the daemon.

    Raises:
        ConfigError: there is none of this name, it names no daemon, it is damaged, or others can read it; or a file
            that may be the one for this address cannot be read.
    """
    wanted = str(key or os.environ.get("STEMD_KEY", ""))
    if wanted:
        is_path = os.sep in wanted or wanted.endswith(".toml")
        own = read_own(Path(wanted).expanduser() if is_path else default_folder() / f"{wanted}.toml")
    elif (made := _made_for(address)) is not None:
        own = read_own(made)
    else:
        return None
    if not own.daemon:
        raise ConfigError(
            f"key {own.name!r} names no daemon: write daemon = '...' into its file, with the key that "
            "`stemd keys list` prints on the daemon's machine"
        )
    return own


def read_own(path: Path) -> OwnKey:
    """The key in a file.

    Raises:
        ConfigError: there is none, others can read it, or it is damaged.
    """
    table = read_table(path)
    if daemon := table.get("daemon", ""):
        try:
            check_public(daemon)
        except ConfigError as exc:
            raise ConfigError(f"{path}: daemon: {exc}") from exc
    return OwnKey(path.stem, pair_of(table, path), daemon, table.get("address", ""))


def write_own(path: Path, own: OwnKey) -> None:
    """Write a key into a file of its own.

    Raises:
        ConfigError: the file is there already, or cannot be written.
    """
    values = {"public": own.pair.public, "secret": own.pair.secret, "daemon": own.daemon, "address": own.address}
    write_private(path, f"{SECRECY}{toml_lines(values)}", fresh=True)


def own_files(folder: Path) -> list[Path]:
    """The files of clients' keys in a folder, by name; none where there is no folder.

    Raises:
        ConfigError: it cannot be looked into.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise ConfigError(f"{folder}: cannot be looked into ({exc.strerror}); check its permissions") from exc
    return [path for path in files if path.name not in (DAEMON_FILE, ALLOWED_FILE)]


def _made_for(address: str) -> Path | None:
    """The first file whose key was made for an address, else the first that may be; what is wrong is said by who reads.

    Raises:
        ConfigError: the folder cannot be looked into.
    """
    try:
        files = own_files(default_folder())
    except ConfigError:
        if address.startswith("ipc:"):  # its modes say who answers there; and `setpriv` leaves `$HOME` another user's
            return None
        raise
    unclear = None
    for path in files:
        try:
            made_for = tomllib.loads(path.read_text("utf-8")).get("address")
        except (OSError, ValueError):
            unclear = unclear or path
        else:
            if made_for and _spelled_once(str(made_for)) == _spelled_once(address):
                return path
    return unclear


def _spelled_once(address: str) -> str:
    """What all spellings of an address have in common: a host's name may have capital letters, a port zeros."""
    try:
        stems = Address.parse(address).stems
    except ConfigError:
        return address
    return stems.lower() if stems.startswith("tcp:") else stems
