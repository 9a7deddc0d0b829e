"""Messages of every kind, drawn from the types of their fields."""

import dataclasses
import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from stemd.protocol.codec import FROM_CLIENT, FROM_DAEMON
from stemd.schema import Matches, Range

KINDS: dict[bytes, type[Any]] = {**FROM_CLIENT, **FROM_DAEMON}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def hints(cls: type[Any]) -> dict[str, Any]:
    """The fields of a message, with the rules of their values."""
    names = {field.name for field in dataclasses.fields(cls)}
    return {name: hint for name, hint in get_type_hints(cls, include_extras=True).items() if name in names}


def optional(cls: type[Any]) -> dict[str, Any]:
    """Those that may be left out, with what then holds."""
    return {field.name: field.default for field in dataclasses.fields(cls) if field.default is not dataclasses.MISSING}


def messages(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Messages of one kind."""
    return st.builds(cls, **{name: values(hint) for name, hint in hints(cls).items()})


def values(hint: Any) -> st.SearchStrategy[Any]:
    """What a field may be."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(args[0], args[1])
    if origin in (Union, UnionType):
        return st.one_of(values(arg) for arg in args)
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple:
        return st.lists(values(args[0]), max_size=6).map(tuple)
    if origin in (dict, Mapping):
        return st.dictionaries(values(args[0]), values(args[1]), max_size=4)
    plain = {NoneType: st.none(), bool: st.booleans(), Any: JSON, str: st.text(max_size=8)}
    return plain[hint] if hint in plain else messages(hint)


def _annotated(plain: type[Any], rule: Range | Matches) -> st.SearchStrategy[Any]:
    if isinstance(rule, Matches):
        return st.from_regex(rule.pattern, fullmatch=True)
    if plain is float:
        return st.floats(rule.low, rule.high)
    return st.integers(int(rule.low), int(rule.high))


def wrong(hint: Any) -> list[Any]:  # noqa: PLR0911 - a case for each sort of type
    """Values that no field of this type takes."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated and isinstance(args[1], Range):
        below, above = args[1].low - 1, args[1].high + 1
        outside = [int(below), int(above), 1.5] if args[0] is int else [below, above, math.nan]
        return ["1", None, True, [], b"1", *outside]
    if origin in (Union, UnionType):
        kinds = [wrong(arg) for arg in args if arg is not NoneType]
        return [value for value in kinds[0] if value is not None and all(value in kind for kind in kinds[1:])]
    if origin is dict:
        # Where the values are free, so are the maps.
        inside = [] if args[1] is Any else [{"a b": 1.0}, {"": 1.0}, *({"a": value} for value in wrong(args[1]))]
        return [None, 1, "x", [], *inside]
    if origin is tuple:
        return [None, 1, "x", {}, *([value] for value in wrong(args[0]))]
    if hint is bool:
        return [0, 1, None, "true"]
    if origin is None:  # a map of its own
        return [1, [], {}, {"segment": 1}, ""]
    return [1, None, [], {}, b"x", "a b", ""] if args[0] is not str or "{1,64}" in args[1].pattern else [1, None, []]
