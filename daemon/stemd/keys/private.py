"""Files that nobody else may read: mode 0600, in folders with mode 0700, written whole or not at all."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stemd.errors import ConfigError

_POSIX: Final = os.name == "posix"


def default_folder() -> Path:
    """Where this user's keys are: `stemd/keys` in the folder of settings."""
    named = os.environ.get("XDG_CONFIG_HOME" if _POSIX else "APPDATA")
    return (Path(named) if named else Path.home() / ".config") / "stemd" / "keys"


def check_private(path: Path) -> None:
    """Refuse a file that others can read or replace.

    Raises:
        ConfigError: so it is, with the command that mends it; or the file is not there.
    """
    try:
        about, place = path.stat(), path.parent.stat()
    except FileNotFoundError as exc:
        raise ConfigError(f"{path}: no such file") from exc
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror}); check its permissions") from exc
    if not _POSIX:
        return  # what modes say there is not who may read
    if about.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        raise ConfigError(f"{path}: belongs to another user, who could read and change it: chown it, or make a new one")
    if about.st_mode & 0o077:
        raise ConfigError(
            f"{path}: others can read it (mode {stat.S_IMODE(about.st_mode):04o}): chmod 600 {path}; and make new keys "
            "if somebody may have done so"
        )
    _check_folder(path.parent, place)


def write_private(path: Path, text: str, *, fresh: bool = False) -> None:
    """Write a file with mode 0600, in a folder that is made with mode 0700.

    Whoever reads at the same time finds the old text or the new one.

    Args:
        path: the file.
        text: all of it.
        fresh: refuse to replace a file.

    Raises:
        ConfigError: it is there already and `fresh`; others can write into the folder; or the disk does not take it.
    """
    try:
        with as_owner(path.parent):
            make_folder(path.parent)
            _write(path, text, fresh=fresh)
    except FileExistsError as exc:
        raise ConfigError(f"{path}: is there already; what it opens would be lost. Delete it first") from exc
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written ({exc.strerror})") from exc


def make_folder(folder: Path) -> None:
    """Make a folder with mode 0700, if it is not there.

    Raises:
        ConfigError: it is there, and others can look into it; or it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(folder, folder.stat())
    except OSError as exc:
        raise ConfigError(f"{folder}: cannot be made ({exc.strerror})") from exc


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Let root have the rights of the user whose folder this is, and no others, for as long as it is at work there.

    That user can put a link in the place of any file, at any moment, and root would follow it. What is written then
    belongs to whoever will read it, too. The rights are those of the whole process; who is not root keeps its own.

    Raises:
        ConfigError: root may not do that here.
    """
    owner = _owner(folder) if _POSIX and os.geteuid() == 0 else None
    if owner is None:
        yield
        return
    import zmq.utils.z85  # noqa: F401, PLC0415 - to read keys takes it, and that user may be unable to load it

    groups, group = os.getgroups(), os.getegid()
    try:
        os.setgroups([])
    except OSError as exc:
        raise ConfigError(f"{folder}: belongs to user {owner[0]}; do it as that user ({exc.strerror})") from exc
    try:
        os.setegid(owner[1])
        os.seteuid(owner[0])
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _owner(folder: Path) -> tuple[int, int] | None:
    """User and group of the first folder or link on the way that is not root's: they can change what lies behind."""
    import pwd  # noqa: PLC0415 - not on every system

    for follow in (Path.absolute, Path.resolve):
        way = follow(folder)
        for place in (*reversed(way.parents), way):
            if not os.path.lexists(place):
                break
            if user := (about := place.lstat()).st_uid:
                try:
                    return user, pwd.getpwuid(user).pw_gid
                except KeyError:  # a user without a name
                    return user, about.st_gid
    return None


def _check_folder(folder: Path, about: os.stat_result) -> None:
    if _POSIX and about.st_mode & 0o077:
        raise ConfigError(
            f"{folder}: others can look into it (mode {stat.S_IMODE(about.st_mode):04o}): chmod 700 {folder}"
        )


def _write(path: Path, text: str, *, fresh: bool) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        if fresh:
            os.link(temporary, path)  # unlike a rename, this replaces nothing
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
