"""What the keys do to the mixer, reckoned from where its controls stand now: others turn them too."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from stemd.protocol import LOUDEST

_LEAST_DB, _MOST_DB = -60.0, float(math.floor(20 * math.log10(LOUDEST)))
_STEPS_DB: Final = {"+": 1.0, "=": 1.0, "-": -1.0, "_": -1.0, ".": 0.1, ",": -0.1}
_WET_STEPS: Final = {"w": -0.1, "W": 0.1}
PANIC: Final = ("p", " ")


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of the mixer: gains for `Client.set_gain`, controls for `Client.set_mixer`; either may be empty."""

    gains: Mapping[str, float] = field(default_factory=dict)
    controls: Mapping[str, Any] = field(default_factory=dict)


def turn(key: str, stream: Mapping[str, Any], part: str | None) -> Turn | None:
    """What a key comes to; None where it does nothing.

    Args:
        key: the character.
        stream: the stream's state, with the mixer's `gains`, `mute`, `solo`, `wet`, `bypass`.
        part: the chosen part.
    """
    if key in PANIC:
        return Turn(controls={"bypass": True})
    if key == "b":
        return Turn(controls={"bypass": not stream["bypass"]})
    if key in _WET_STEPS:
        return Turn(controls={"wet": round(min(1.0, max(0.0, stream["wet"] + _WET_STEPS[key])), 3)})
    return None if part is None else _of_part(key, stream, part)


def _of_part(key: str, stream: Mapping[str, Any], part: str) -> Turn | None:
    if key in _STEPS_DB:
        return Turn(gains={part: stepped(stream["gains"][part], _STEPS_DB[key])})
    if key == "0":
        return Turn(gains={part: 1.0})
    if key == "m":
        return Turn(controls={"mute": _toggled(stream["mute"], part)})
    return Turn(controls={"solo": _toggled(stream["solo"], part)}) if key == "s" else None


def stepped(gain: float, decibels: float) -> float:
    """A linear gain, some decibels up or down, to a tenth of one; below -60 dB it is 0, +18 dB is the most."""
    if gain <= 0:
        return _linear(_LEAST_DB) if decibels > 0 else 0.0
    level = round(20 * math.log10(gain) + decibels, 1)
    return 0.0 if level < _LEAST_DB else _linear(min(level, _MOST_DB))


def _linear(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _toggled(names: Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(each for each in names if each != name) if name in names else (*names, name)
