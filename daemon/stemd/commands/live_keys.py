"""What the keys of `stemd live` do. Where the controls stand is asked of the mixer: clients may turn them too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

HELP: Final = "b bypass   p or space panic: dry at once   v {what} off/on   + - wet   q quit"

_WET_STEP: Final = 0.1


@dataclass(frozen=True, slots=True)
class Press:
    """What a key comes to: a change of the mixer, or something about the command itself."""

    change: Mapping[str, Any] = field(default_factory=dict)  # see `Stream.set_mixer`
    panic: bool = False
    quit: bool = False


def press(key: str, controls: Mapping[str, Any], removed: Sequence[str]) -> Press | None:
    """What a key does; None where it does nothing.

    Args:
        key: one character.
        controls: where they stand, as `Mixer.state` tells it.
        removed: the stems that `v` mutes, or gives back where all of them are muted.
    """
    if key in "pP ":
        return Press({"bypass": True}, panic=True)
    if key in "bB":
        return Press({"bypass": not controls["bypass"]})
    if key in "vV":
        return Press({"mute": _toggled(controls["mute"], removed)})
    if key in "+=":
        return Press({"wet": _moved(controls["wet"], _WET_STEP)})
    if key in "-_":
        return Press({"wet": _moved(controls["wet"], -_WET_STEP)})
    return Press(quit=True) if key in "qQ" else None


def removed_by_v(muted: Sequence[str]) -> tuple[str, ...]:
    """The stems that `v` is about: those that were removed at the start, or the vocals."""
    return tuple(muted) or ("vocals",)


def _toggled(muted: Sequence[str], removed: Sequence[str]) -> tuple[str, ...]:
    others = tuple(stem for stem in muted if stem not in removed)
    return others if set(removed) <= set(muted) else (*others, *removed)


def _moved(wet: float, step: float) -> float:
    return round(min(1.0, max(0.0, wet + step)), 3)
