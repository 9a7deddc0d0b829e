"""What there is to show at one moment, and which counters went up a moment ago."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stemd_client.top.choice import State

COUNTERS: Final = ("degraded", "gaps", "late", "refused", "xruns")
_LOUD_SECONDS: Final = 3.0

Risen = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """What the views are made of.

    Attributes:
        address: where the daemon is.
        state: its last answer to `status`; {} before the first.
        there: whether it answers; else `state` is old.
        news: one line, a fault or what a key came to; empty: nothing to tell.
        risen: (stream, counter) of those that went up in the last 3 s.
    """

    address: str
    state: State = field(default_factory=dict)
    there: bool = True
    news: str = ""
    risen: Risen = frozenset()


class Rises:
    """Remembers when each counter of each stream went up."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._when: dict[tuple[str, str], float] = {}

    def seen(self, state: State, now: float) -> Risen:
        """Those that went up in the 3 s before `now`, in seconds of any clock; what is seen first has not risen."""
        counts = dict(_counts(state))
        for key, count in counts.items():
            if count > self._counts.get(key, count):
                self._when[key] = now
        self._counts = counts
        self._when = {key: when for key, when in self._when.items() if key in counts and now - when < _LOUD_SECONDS}
        return frozenset(self._when)


def _counts(state: State) -> Iterator[tuple[tuple[str, str], int]]:
    for stream in state.get("streams", ()):
        for counter in COUNTERS:
            count = xruns(state, stream) if counter == "xruns" else stream.get(counter)
            if count is not None:
                yield (stream["incarnation"], counter), count


def devices_of(state: State, stream: State) -> Mapping[str, Any] | None:
    """The state of the sound devices that a stream is captured from and played to; None where it has none."""
    devices: Mapping[str, Any] | None = state.get("devices")
    return devices if devices and devices["capture"]["stream"] == stream["stream"] else None


def xruns(state: State, stream: State) -> int | None:
    """Those of the sound devices that a stream is captured from and played to; None where it has none."""
    devices = devices_of(state, stream)
    if not devices:
        return None
    playback = devices.get("playback") or {}
    return int(devices["capture"]["xruns"]) + int(playback.get("xruns", 0))


def turned(picture: Picture, stream: str, mixer: Mapping[str, Any]) -> Picture:
    """The picture with what a reply said of a stream's mixer, before the daemon is asked again."""
    known = ("gains", "mute", "solo", "wet", "bypass")
    change = {key: mixer[key] for key in known if key in mixer}
    streams = [{**each, **change} if each["stream"] == stream else each for each in picture.state.get("streams", ())]
    return replace(picture, state={**picture.state, "streams": streams})
