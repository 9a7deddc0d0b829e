"""Checks a map against a frozen dataclass: every key, every type, every range, with words for what is wrong.

It exists because the base install carries nothing beside numpy, pyzmq and msgpack.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from stemd.errors import ProtocolError, nearest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Range:
    """An integer or number must lie in [low, high]."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Matches:
    """A string must match the pattern as a whole; `what` names it in errors."""

    pattern: str
    what: str


def build(cls: type[T], values: Mapping[str, object], where: str, *, strict: bool) -> T:
    """Make `cls` from `values`; unknown keys are errors where `strict`, and ignored where not.

    Raises:
        ProtocolError: a key is missing or unknown, or a value has the wrong type or range.
    """
    shape: Any = cls
    hints = _hints(shape)
    if strict:
        for key in values:
            if key not in hints:
                raise ProtocolError(f"{where}: unknown key {key!r:.60}{nearest(key, hints)}")
    for key in _required(shape):
        if key not in values:
            raise ProtocolError(f"{where}: key {key!r} is missing")
    known = {key: values[key] for key in hints if key in values}
    return cls(**{key: _value(hints[key], value, f"{where}.{key}", strict) for key, value in known.items()})


@cache
def _hints(cls: Any) -> dict[str, Any]:
    names = {field.name for field in fields(cls)}
    return {k: v for k, v in get_type_hints(cls, include_extras=True).items() if k in names}


@cache
def _required(cls: Any) -> tuple[str, ...]:
    optional = (MISSING, MISSING)
    return tuple(f.name for f in fields(cls) if (f.default, f.default_factory) == optional)


_PLAIN: Final = {int: "an integer", str: "a string", bool: "true or false", float: "a number", bytes: "bytes"}


def _value(hint: Any, value: Any, where: str, strict: bool) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(args, value, where, strict)
    if origin in (Union, UnionType):
        return _union(args, value, where, strict)
    if origin is Literal:
        if not isinstance(value, str) or value not in args:
            raise ProtocolError(f"{where}: {value!r:.60} is not one of {', '.join(map(repr, args))}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ProtocolError(f"{where}: must be a list")
        return tuple(_value(args[0], item, f"{where}[{i}]", strict) for i, item in enumerate(value))
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise ProtocolError(f"{where}: must be a map")
        return {_value(args[0], k, where, strict): _value(args[1], v, f"{where}.{k}", strict) for k, v in value.items()}
    return _plain(hint, value, where, strict)


def _plain(hint: Any, value: Any, where: str, strict: bool) -> Any:
    if hint in (Any, object):
        return value
    if hint not in _PLAIN:
        if isinstance(value, hint):
            return value
        if not isinstance(value, dict):
            raise ProtocolError(f"{where}: must be a map")
        return build(hint, value, where, strict=strict)
    accepted = (int, float) if hint is float else hint
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise ProtocolError(f"{where}: must be {_PLAIN[hint]}, not {value!r:.60}")
    return float(value) if hint is float else value


def _annotated(args: tuple[Any, ...], value: Any, where: str, strict: bool) -> Any:
    value = _value(args[0], value, where, strict)
    for rule in args[1:]:
        if isinstance(rule, Range) and not rule.low <= value <= rule.high:
            raise ProtocolError(f"{where}: {value} is outside {rule.low:g} to {rule.high:g}")
        if isinstance(rule, Matches) and not re.fullmatch(rule.pattern, value):
            raise ProtocolError(f"{where}: {value!r:.80} is not {rule.what}")
    return value


def _union(args: tuple[Any, ...], value: Any, where: str, strict: bool) -> Any:
    if value is None and NoneType in args:
        return None
    faults = []
    for arg in args:
        if arg is not NoneType:
            try:
                return _value(arg, value, where, strict)
            except ProtocolError as fault:
                faults.append(str(fault))
    raise ProtocolError("; or ".join(faults))
