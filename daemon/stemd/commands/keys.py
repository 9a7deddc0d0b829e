"""`stemd keys`: pairs of keys for daemon and clients, and the list of those whom the daemon lets in."""

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from stemd.errors import ConfigError
from stemd.keys import (
    OwnKey,
    Pair,
    as_owner,
    check_name,
    check_public,
    daemon_file,
    default_folder,
    own_files,
    read_own,
    read_pair,
    write_own,
    write_pair,
)
from stemd.keys.pair import ALLOWED_FILE

if TYPE_CHECKING:
    from stemd.service.security.keyring import Entry


def new(options: argparse.Namespace) -> int:
    """Make a pair: the daemon's own, or a client's."""
    folder, pair = _folder(options), Pair.new()
    with as_owner(folder):
        if options.name:
            _new_client(folder, check_name(options.name), pair, options)
        else:
            _new_daemon(folder, pair, options)
    return 0


def _new_daemon(folder: Path, pair: Pair, options: argparse.Namespace) -> None:
    if options.daemon or options.address:
        raise ConfigError("--daemon and --address are about a client's pair: give it a name, stemd keys new NAME ...")
    file = daemon_file(folder)
    write_pair(file, pair)
    print(f"{file}: the daemon's pair of keys; nobody else can read it")
    print(f"the daemon's public key: {shlex.quote(pair.public)}")
    print("tell it to the clients; on the machine of each:")
    print(f"  stemd keys new NAME --daemon {shlex.quote(pair.public)} --address tcp://THIS-MACHINE:7355")


def _new_client(folder: Path, name: str, pair: Pair, options: argparse.Namespace) -> None:
    daemon = check_public(options.daemon) if options.daemon else _daemon_beside(folder)
    write_own(folder / f"{name}.toml", OwnKey(name, pair, daemon, options.address or ""))
    print(f"{folder / f'{name}.toml'}: the pair of keys of {name!r}; nobody else can read it")
    print("let it in, on the daemon's machine:")
    print(f"  stemd keys allow {name} {shlex.quote(pair.public)} --rights listen")
    if not daemon:
        print("and write into the file whom it is for: daemon = '...', as `stemd keys list` says there")


def _daemon_beside(folder: Path) -> str:
    """The public key of this machine's daemon, if its pair is in the same folder; else nothing."""
    file = daemon_file(folder)
    return read_pair(file).public if file.exists() else ""


def allow(options: argparse.Namespace) -> int:
    """Let a client in, or give it other rights."""
    from stemd.service.security.allowing import change_allowed  # noqa: PLC0415 - not in the base install
    from stemd.service.security.keyring import in_order, parse_rights  # noqa: PLC0415

    name, rights = check_name(options.name), parse_rights(options.rights)
    public = check_public(options.public) if options.public else None
    folder = _folder(options)
    change_allowed(folder, lambda ring: ring.allowing(name, public, rights))
    print(f"{name} may {', '.join(in_order(rights))} ({folder / ALLOWED_FILE})")
    return 0


def revoke(options: argparse.Namespace) -> int:
    """Let a client in no more."""
    from stemd.service.security.allowing import change_allowed  # noqa: PLC0415 - not in the base install

    folder = _folder(options)
    change_allowed(folder, lambda ring: ring.without(options.name))
    print(f"{options.name} is let in no more; a daemon that runs ends at once what it had ({folder / ALLOWED_FILE})")
    return 0


def show(options: argparse.Namespace) -> int:
    """List the keys that are here, and who is let in.

    Raises:
        ConfigError: after the list, with what was left out of it because it cannot be read.
    """
    from stemd.service.security.allowing import read_allowed  # noqa: PLC0415 - not in the base install
    from stemd.service.security.keyring import in_order  # noqa: PLC0415

    folder = _folder(options)
    with as_owner(folder):
        daemon, allowed = _daemon_beside(folder), list(read_allowed(folder))
        own, faults = _own(folder)
    if options.json:
        _print_json(folder, daemon, allowed, own)
    else:
        print(f"{folder}\ndaemon: {shlex.quote(daemon) if daemon else 'has no key; stemd keys new makes one'}")
        _table("let in here", [(e.name, ",".join(in_order(e.rights)), shlex.quote(e.public)) for e in allowed])
        _table("clients of this user", [(o.name, o.address or "-", shlex.quote(o.pair.public)) for o in own])
    if faults:
        raise ConfigError("; ".join(faults))
    return 0


def _print_json(folder: Path, daemon: str, allowed: list["Entry"], own: list[OwnKey]) -> None:
    from stemd.service.security.keyring import in_order  # noqa: PLC0415 - not in the base install

    tree = {
        "folder": str(folder),
        "daemon": daemon or None,
        "allowed": [{"name": e.name, "rights": in_order(e.rights), "public": e.public} for e in allowed],
        "own": [
            {"name": o.name, "address": o.address, "public": o.pair.public, "daemon": o.daemon or None} for o in own
        ],
    }
    print(json.dumps(tree, indent=2))


def _own(folder: Path) -> tuple[list[OwnKey], list[str]]:
    """The clients' keys in a folder, and what is wrong with those that cannot be read."""
    own, faults = [], []
    for path in own_files(folder):
        try:
            own.append(read_own(path))
        except ConfigError as exc:
            faults.append(str(exc))
    return own, faults


def _table(title: str, rows: list[tuple[str, str, str]]) -> None:
    if not rows:
        print(f"{title}: none")
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(f"{title}:")
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _folder(options: argparse.Namespace) -> Path:
    if options.folder:
        return Path(options.folder).expanduser()
    if options.config:
        from stemd.config import Config  # noqa: PLC0415 - not in the base install
        from stemd.toml import read  # noqa: PLC0415

        # Not `load_config`: that refuses a daemon without keys, which are about to be made.
        return read(
            Path(options.config), Config, ConfigError, "`stemd check-config` says what is wrong"
        ).security.folder
    return default_folder()
