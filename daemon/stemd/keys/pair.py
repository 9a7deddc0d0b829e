"""A pair of keys: the public one travels and says who somebody is, the secret one proves it and stays."""

import json
import re
import struct
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stemd.errors import ConfigError
from stemd.keys.private import check_private, write_private

DAEMON_FILE: Final = "daemon.toml"
ALLOWED_FILE: Final = "allowed.toml"
_TAKEN: Final = frozenset({Path(DAEMON_FILE).stem, Path(ALLOWED_FILE).stem})
SECRECY: Final = "# The secret key never leaves this file; the public one may be known to all.\n"
_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"
_Z85: Final = re.compile(r"[0-9a-zA-Z.:+=^!/*?&<>()\[\]{}@%$#-]{40}")


@dataclass(frozen=True, slots=True)
class Pair:
    """Both keys in Z85, ZeroMQ's text for 32 bytes: 40 characters. The secret one is never shown."""

    public: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> "Pair":
        """A pair that nobody else has."""
        import zmq  # noqa: PLC0415 - not for those who only read

        while True:
            public, secret = (key.decode("ascii") for key in zmq.curve_keypair())
            if public[0].isalnum():  # on a command line, `-` would begin an option
                return cls(public, secret)


def check_public(text: str) -> str:
    """A public key as it is.

    Raises:
        ConfigError: it is none.
    """
    if not _is_key(text):
        raise ConfigError(  # without the text: it may be most of a secret one
            f"a text of {len(text)} characters is no public key: 40 characters, in single quotes, as it was printed"
        )
    return text


def check_name(name: str) -> str:
    """The name of a key as it is.

    Raises:
        ConfigError: it cannot be a file's name, or belongs to a file of the daemon's.
    """
    if not re.fullmatch(_NAME, name) or name in _TAKEN:
        raise ConfigError(f"{name!r:.80} cannot name a key: 1 to 64 of A-Z a-z 0-9 . _ -, not {' or '.join(_TAKEN)}")
    return name


def daemon_file(folder: Path) -> Path:
    """Where the daemon's own pair is."""
    return folder / DAEMON_FILE


def read_pair(path: Path) -> Pair:
    """The pair in a file.

    Raises:
        ConfigError: there is none, others can read it, or it is damaged.
    """
    return pair_of(read_table(path), path)


def write_pair(path: Path, pair: Pair) -> None:
    """Write a pair into a file of its own.

    Raises:
        ConfigError: the file is there already, or cannot be written.
    """
    write_private(path, f"{SECRECY}{toml_lines({'public': pair.public, 'secret': pair.secret})}", fresh=True)


def toml_lines(values: Mapping[str, str]) -> str:
    """Keys and texts as lines of TOML."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())  # JSON's texts are TOML's


def read_table(path: Path) -> dict[str, str]:
    """The texts in a private file.

    Raises:
        ConfigError: it is not there, others can read it, or it is damaged.
    """
    check_private(path)
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror}); check its permissions") from exc
    except ValueError as exc:
        raise ConfigError(f"{path}: is damaged; delete it, and make new keys: stemd keys new") from exc
    return {key: value for key, value in table.items() if isinstance(value, str)}


def pair_of(table: Mapping[str, str], path: Path) -> Pair:
    """The pair among the texts of a file.

    Raises:
        ConfigError: a key is missing, or the two are not of one pair.
    """
    import zmq  # noqa: PLC0415

    pair = Pair(table.get("public", ""), table.get("secret", ""))
    if not (_is_key(pair.public) and _is_key(pair.secret)):
        raise ConfigError(f"{path}: has no pair of keys; delete it, and make new ones: stemd keys new")
    if zmq.curve_public(pair.secret.encode("ascii")).decode("ascii") != pair.public:
        raise ConfigError(f"{path}: its two keys are not of one pair; delete it, and make new ones: stemd keys new")
    return pair


def _is_key(text: str) -> bool:
    from zmq.utils import z85  # noqa: PLC0415

    if not _Z85.fullmatch(text):
        return False
    try:
        return len(z85.decode(text)) == 32
    except (KeyError, struct.error):  # five characters can say more than 32 bits
        return False
