"""When a changed key takes effect in a daemon that runs, and what of a new configuration it may take over."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, TypeVar

import msgspec

from stemd.config import Config
from stemd.config.tables import Table
from stemd.errors import ConfigError

T = TypeVar("T", bound=Table)


class Effect(Enum):
    """From when on a changed value holds."""

    AT_ONCE = "at once"
    NEXT_SEGMENT = "at the next segment"  # of streams that run; others have it when they are opened
    NEXT_STREAM = "for streams opened from now on"  # what a stream was promised stays
    RESTART = "after a restart"


# By key; a table stands for those of its keys that are not named.
EFFECTS: Final[dict[str, Effect]] = {
    "server": Effect.AT_ONCE,
    "server.address": Effect.RESTART,
    "server.tap": Effect.RESTART,
    "models.default": Effect.NEXT_SEGMENT,
    "models.folders": Effect.NEXT_SEGMENT,
    "models.preload": Effect.AT_ONCE,
    "engine": Effect.RESTART,
    "realtime": Effect.NEXT_STREAM,
    "realtime.audio_priority": Effect.RESTART,
    "capture": Effect.RESTART,
    "capture.model": Effect.NEXT_SEGMENT,
    "playback": Effect.RESTART,
    "mixer": Effect.AT_ONCE,
    "security": Effect.AT_ONCE,
    "security.keys": Effect.RESTART,
    "security.required": Effect.RESTART,
    "security.message_bytes": Effect.RESTART,
    "metrics": Effect.RESTART,
    "log": Effect.RESTART,
    "plan": Effect.NEXT_STREAM,
    "plans": Effect.NEXT_STREAM,
    "linger": Effect.NEXT_STREAM,
}


def effect(key: str) -> Effect:
    """When a key takes effect.

    Args:
        key: as in the file, `table.key`.

    Raises:
        KeyError: nobody has said.
    """
    return EFFECTS[key] if key in EFFECTS else EFFECTS[key.partition(".")[0]]


def keys(table: Table, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each key with its value; what a person names (plans, gains) is one value."""
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, Table):
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def changes(before: Config, after: Config) -> dict[str, Effect]:
    """The keys whose values differ, in the file's order."""
    old = dict(keys(before))
    return {key: effect(key) for key, value in keys(after) if value != old[key]}


def adopted(before: Config, after: Config) -> Config:
    """The new configuration as far as it can be had without a restart: other keys stay as they were.

    Raises:
        ConfigError: what can be had now does not go with what has to stay.
    """
    try:
        return _adopted(before, after, "")
    except ValueError as exc:
        raise ConfigError(f"{exc} (some keys need a restart, and without them the others do not fit): restart") from exc


def described(changed: Mapping[str, str], notes: Iterable[str]) -> list[str]:
    """A reload in lines for people.

    Args:
        changed: by key, when it takes effect.
        notes: what else there is to say.
    """
    times = dict.fromkeys(changed.values())
    lines = [f"{', '.join(key for key in changed if changed[key] == when)}: {when}" for when in times]
    return [*lines, *notes] or ["nothing has changed"]


def _adopted(before: T, after: T, prefix: str) -> T:
    values = {}
    for name in after.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if isinstance(new, Table):
            values[name] = _adopted(old, new, f"{prefix}{name}.")
        else:
            values[name] = old if effect(f"{prefix}{name}") is Effect.RESTART else new
    return msgspec.structs.replace(after, **values)
