"""A daemon that asks for keys, and a client's key that it knows."""

from pathlib import Path
from typing import Final

from stemd.keys import OwnKey, Pair, daemon_file, write_own, write_pair
from stemd.service.security.allowing import change_allowed
from stemd.service.security.keyring import RIGHTS

_NAME: Final = "bench"


def guarded(folder: Path) -> tuple[str, Path]:
    """Make the keys of a daemon and a client in a folder: lines for the configuration, and the client's file."""
    keys, pair = folder / "keys", Pair.new()
    write_pair(daemon_file(keys), pair)
    own = OwnKey(_NAME, Pair.new(), pair.public)
    change_allowed(keys, lambda ring: ring.allowing(_NAME, own.pair.public, frozenset(RIGHTS)))
    file = folder / f"{_NAME}.toml"
    write_own(file, own)
    return f"[security]\nkeys = '{keys}'\nrequired = true\n", file
