"""What a page asks for: JSON of one line each, checked here, since any program can open a WebSocket."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from stemd.errors import ProtocolError
from stemd.protocol import LOUDEST, NAME

_MAX_STREAMS: Final = 64


@dataclass(frozen=True, slots=True)
class Gain:
    """A part's linear gain, 0 to 8."""

    stream: str
    part: str
    gain: float


@dataclass(frozen=True, slots=True)
class Switch:
    """Mute or solo of one part; the others stay as they are."""

    stream: str
    control: Literal["mute", "solo"]
    part: str
    on: bool


@dataclass(frozen=True, slots=True)
class Wet:
    """How much of the mix is heard, 0 to 1."""

    stream: str
    wet: float


@dataclass(frozen=True, slots=True)
class Bypass:
    """The mixture itself, or the mix."""

    stream: str
    on: bool


@dataclass(frozen=True, slots=True)
class Watch:
    """Whether somebody looks at the page, and of which streams it shows meters."""

    looking: bool
    meters: tuple[str, ...]


Order = Gain | Switch | Wet | Bypass | Watch


def read(text: str) -> Order:
    """An order from its JSON.

    Raises:
        ProtocolError: it is none.
    """
    try:
        words = json.loads(text)
        if isinstance(words, dict):
            return _read(words)
    except (KeyError, TypeError, ValueError, RecursionError) as exc:
        raise ProtocolError(f"this is no order that a page gives: {text[:80]!r}") from exc
    raise ProtocolError(f"this is no order that a page gives: {text[:80]!r}")


def _read(words: Mapping[str, Any]) -> Order:
    match words["order"]:
        case "gain":
            return Gain(_name(words["stream"]), _name(words["part"]), _number(words["gain"], LOUDEST))
        case "mute" | "solo" as control:
            return Switch(_name(words["stream"]), control, _name(words["part"]), _flag(words["on"]))
        case "wet":
            return Wet(_name(words["stream"]), _number(words["wet"], 1.0))
        case "bypass":
            return Bypass(_name(words["stream"]), _flag(words["on"]))
        case "watch":
            streams = words["meters"]
            if not isinstance(streams, list) or len(streams) > _MAX_STREAMS:
                raise ValueError
            return Watch(_flag(words["looking"]), tuple(_name(stream) for stream in streams))
    raise ValueError


def _name(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(NAME, value):
        return value
    raise ValueError


def _number(value: object, most: float) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= most:
        return float(value)
    raise ValueError


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError
