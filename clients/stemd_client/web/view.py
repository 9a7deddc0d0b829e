"""The daemon's state as pages get it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from stemd.dsp.mixer import REST

_INSTRUMENTAL: Final = "instrumental"
_COPIED: Final = (
    *("stream", "timing", "rate", "channels", "model", "latency", "load", "degraded", "gaps", "late"),
    *("gains", "mute", "solo", "wet", "bypass"),
)
_PLACES: Final = {"out": 0, "mix": 2}  # in the list of stems; the others lie between


def stems(stream: Mapping[str, Any]) -> list[str]:
    """What can be heard of a stream: the whole, its stems, the mixture."""
    return sorted(stream.get("stems", ()), key=lambda stem: _PLACES.get(stem, 1))


def metered_stems(stream: Mapping[str, Any]) -> list[str]:
    """What has to be heard so that every part has a level; the mixture has one anyway."""
    parts = [part for part in stream.get("gains", ()) if part != REST]
    return ["out", *parts, *([_INSTRUMENTAL] if _only_vocals(stream) else [])]


def part_levels(stream: Mapping[str, Any]) -> dict[str, float]:
    """Peaks in dBFS by part."""
    levels = dict(stream.get("levels", {}))
    if _only_vocals(stream) and _INSTRUMENTAL in levels:
        levels[REST] = levels[_INSTRUMENTAL]
    return levels


def _only_vocals(stream: Mapping[str, Any]) -> bool:
    """Whether `rest`, which is nobody's stem, is the instrumental."""
    return set(stream.get("gains", ())) == {"vocals", REST}


def state_as_json(state: Mapping[str, Any]) -> str:
    """The message that shows the daemon's state."""
    streams = [_stream(stream) for stream in state.get("streams", ())]
    shown = {key: state.get(key) for key in ("version", "clients", "load")}
    return json.dumps({"kind": "state", **shown, "streams": streams})


def _stream(stream: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: stream[key] for key in _COPIED if key in stream}
    return {**shown, "levels": part_levels(stream), "stems": stems(stream)}


def gone_as_json(text: str) -> str:
    """The message that says why there is no daemon."""
    return json.dumps({"kind": "gone", "text": text})
