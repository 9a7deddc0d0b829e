"""TOML files as typed structures; what is wrong is named with its place and the nearest name that is known."""

import re
import tomllib
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from stemd.errors import StemdError, nearest

T = TypeVar("T")


def read(path: Path, kind: type[T], error: type[StemdError], remedy: str) -> T:
    """Read `path` as a `kind`, a msgspec.Struct.

    Args:
        path: the file.
        kind: what it holds.
        error: what to raise.
        remedy: what a person can do about a broken file; ends the message.

    Raises:
        StemdError: of the class `error`: no such file, no TOML, or a key that is unknown, missing or out of range.
    """
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as exc:
        raise error(f"{path}: no such file; {remedy}") from exc
    except OSError as exc:
        raise error(f"{path}: cannot be read ({exc.strerror}); check its permissions") from exc
    except (ValueError, RecursionError) as exc:
        raise error(f"{path}: is not TOML ({exc}); {remedy}") from exc
    _refuse_unknown(tree, kind, "", path, error)
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as exc:
        raise error(f"{path}: {exc}; {remedy}") from exc


def _refuse_unknown(value: Any, hint: Any, where: str, path: Path, error: type[StemdError]) -> None:
    # msgspec refuses unknown keys too, but cannot name the nearest known one.
    if isinstance(hint, UnionType):
        hint = next(member for member in get_args(hint) if member is not type(None))
    arguments = get_args(hint)
    if isinstance(value, list) and arguments:
        for i, item in enumerate(value):
            _refuse_unknown(item, arguments[0], f"{where}[{i}]", path, error)
    elif isinstance(value, dict) and isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = get_type_hints(hint)
        for key, item in value.items():
            place = f"{where}.{key}" if where else key
            if key not in hints:
                raise error(f"{path}: unknown key {place!r}{nearest(key, hints)}")
            _refuse_unknown(item, hints[key], place, path, error)
    elif isinstance(value, dict) and len(arguments) == 2:
        for key, item in value.items():
            _refuse_unknown(item, arguments[1], f"{where}.{key}", path, error)


def written(value: msgspec.Struct) -> str:
    """A structure as TOML text; read again, it gives the same."""
    return "\n".join(_table("", msgspec.to_builtins(value))).lstrip("\n") + "\n"


def _table(title: str, table: dict[str, Any]) -> list[str]:
    lines = [f"{_key(key)} = {_literal(value)}" for key, value in table.items() if not isinstance(value, dict)]
    if lines and title:
        lines = ["", f"[{title}]", *lines]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += _table(f"{title}.{_key(key)}" if title else _key(key), value)
    return lines


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _literal(name)


def _literal(value: Any) -> str:
    # JSON's strings, numbers, booleans and lists are TOML's.
    return msgspec.json.encode(value).decode()
