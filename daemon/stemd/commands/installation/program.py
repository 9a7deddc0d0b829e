"""What a unit starts: this installation of stemd, if the service can see it."""

import sys
from collections.abc import Iterable
from pathlib import Path

import stemd
from stemd.errors import StemdError

_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))  # what ProtectHome hides
_OWN_TO_EACH = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - what PrivateTmp hides


def program() -> str:
    """What starts this stemd, as ExecStart says it."""
    script = Path(sys.executable).with_name("stemd")  # not resolved: the interpreter of an environment is a link
    words = [str(script)] if script.is_file() else [sys.executable, "-m", "stemd"]
    return " ".join(quoted(word) for word in words)


def places() -> set[Path]:
    """The folders that it runs from: environment, interpreter, package."""
    return {Path(place).resolve() for place in (sys.prefix, sys.base_prefix, Path(stemd.__file__).parent)}


def in_a_home(folders: Iterable[Path]) -> bool:
    """Whether one of them lies in somebody's home."""
    return any(folder.is_relative_to(home) for folder in folders for home in _HOMES)


def check_visible(folders: Iterable[Path]) -> None:
    """Refuse what a service that runs as another user cannot see.

    Raises:
        StemdError: a folder is closed to other users, or lies where each service has a place of its own.
    """
    for folder in sorted(folders):
        check_visible_from(folder, _OWN_TO_EACH)


def check_visible_from(folder: Path, own_to_each: Iterable[Path]) -> None:
    """The same for one folder; `own_to_each`: those of which each service has one of its own."""
    remedy = "install stemd where every user can read it, as python3 -m venv /opt/stemd; or take --user"
    if any(folder.is_relative_to(place) for place in own_to_each):
        raise StemdError(f"the service cannot see {folder}, for it has a temporary folder of its own: {remedy}")
    for part in (*reversed(folder.parents), folder):
        if not part.stat().st_mode & 0o001:
            raise StemdError(f"the service cannot read {folder}, for {part} is closed to other users: {remedy}")


def quoted(word: str) -> str:
    """A word of a command, as ExecStart takes it."""
    for special in ("\\", '"'):
        word = word.replace(special, f"\\{special}")
    word = word.replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if any(c.isspace() or c in "\\\"';" for c in word) else word
