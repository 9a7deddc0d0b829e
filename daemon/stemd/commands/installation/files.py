"""Which files make stemd a service, where they go, and how they are fitted to this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

import stemd
from stemd.errors import StemdError, nearest

_PROGRAM = "/usr/bin/stemd"  # in the files as they are shipped
_NO_HOMES = "ProtectHome=yes"
_HOMES_TO_READ = "# What runs lies in somebody's home.\nProtectHome=read-only"


@dataclass(frozen=True, slots=True)
class Item:
    """A file to write: where, what is in it, and what it is for."""

    target: Path
    text: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose service it is.

    Attributes:
        user: whether a user's, and not the machine's.
        units: where systemd looks for units.
        configuration: the folder of stemd.toml.
    """

    user: bool
    units: Path
    configuration: Path

    @property
    def ledger(self) -> Path:
        """Where it is kept which files were written."""
        return self.configuration / "installed-service.json"


def machine() -> Scope:
    """A service of the machine."""
    return Scope(user=False, units=Path("/etc/systemd/system"), configuration=Path("/etc/stemd"))


def own() -> Scope:
    """A service of this user."""
    home = platformdirs.user_config_path()
    return Scope(user=True, units=home / "systemd/user", configuration=home / "stemd")


def shipped() -> Path:
    """The folder of the files as they are shipped: in the package, or beside it in a checkout.

    Raises:
        StemdError: it is in neither place.
    """
    package = Path(stemd.__file__).parent
    for folder in (package / "systemd", package.parent.parent / "systemd"):
        if (folder / "stemd.service").is_file():
            return folder
    raise StemdError("the files of the service are not in this installation; install stemd from its wheel")


def drop_ins() -> list[str]:
    """What can be added to the service of the machine."""
    return sorted(path.stem for path in (shipped() / "stemd.service.d").glob("*.conf"))


def items(scope: Scope, additions: Sequence[str], program: str, *, in_home: bool) -> list[Item]:
    """What is to be written.

    Args:
        scope: whose service it is.
        additions: names of drop-ins.
        program: what starts stemd, as a unit says it.
        in_home: whether that lies in somebody's home.

    Raises:
        StemdError: there is no such drop-in, or none for a user's service.
    """
    units, found = scope.units, shipped()
    if scope.user:
        if additions:
            raise StemdError("the service of a user may use every device and engine already: leave --with out")
        plan = [("user/stemd.service", units / "stemd.service", "what runs, and when it is started again")]
    else:
        plan = [
            ("stemd.service", units / "stemd.service", "what runs, when it is started again, what it may touch"),
            ("stemd.socket", units / "stemd.socket", "where programs talk to it"),
            ("sysusers.d/stemd.conf", Path("/etc/sysusers.d/stemd.conf"), "the user that it runs as"),
            ("tmpfiles.d/stemd.conf", Path("/etc/tmpfiles.d/stemd.conf"), "the folder of its sockets"),
            *[_addition(name, units) for name in additions],
        ]
    plan.append(("stemd.toml", scope.configuration / "stemd.toml", "its configuration, every key with its default"))
    return [
        Item(target, _fitted((found / source).read_text("utf-8"), program, in_home=in_home), purpose)
        for source, target, purpose in plan
    ]


def _addition(name: str, units: Path) -> tuple[str, Path, str]:
    if name not in drop_ins():
        raise StemdError(f"there is no drop-in {name!r}{nearest(name, drop_ins())}")
    source = f"stemd.service.d/{name}.conf"
    return source, units / source, f"what it may touch besides, for {name}"


def _fitted(text: str, program: str, *, in_home: bool) -> str:
    text = text.replace(_PROGRAM, program)
    return text.replace(_NO_HOMES, _HOMES_TO_READ) if in_home else text
