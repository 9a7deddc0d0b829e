"""The daemon's state as pages get it."""

import json
from collections.abc import Mapping
from typing import Any, Final

_REST: Final = "rest"
_VOCALS: Final = "vocals"
_COPIED: Final = (
    *("stream", "incarnation", "timing", "rate", "channels", "model", "latency", "received", "given", "load"),
    *("blocks", "degraded", "gaps", "late", "refused", "gains", "mute", "solo", "wet", "bypass", "levels"),
)


def stems(stream: Mapping[str, Any]) -> list[str]:
    """What can be heard of a stream: what its network gives, and what is made of that."""
    network = [part for part in stream.get("gains", ()) if part != _REST]
    instrumental = ["instrumental"] if _VOCALS in network else []
    return ["out", *network, *instrumental, "mix"]


def metered_stems(stream: Mapping[str, Any]) -> list[str]:
    """What has to be heard so that every part has a level; the mixture has one anyway."""
    return [stem for stem in stems(stream) if stem != "mix"]


def part_levels(stream: Mapping[str, Any]) -> dict[str, float]:
    """Peaks in dBFS by part. `rest` is nobody's stem, but beside vocals alone it is the instrumental."""
    levels = dict(stream.get("levels", {}))
    if set(stream.get("gains", ())) == {_VOCALS, _REST} and "instrumental" in levels:
        levels[_REST] = levels["instrumental"]
    return levels


def state_as_json(state: Mapping[str, Any]) -> str:
    """The message that shows the daemon's state."""
    streams = [_stream(stream) for stream in state.get("streams", ())]
    shown = {key: state.get(key) for key in ("version", "uptime", "clients", "load", "models")}
    return json.dumps({"kind": "state", **shown, "streams": streams})


def _stream(stream: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: stream[key] for key in _COPIED if key in stream}
    return {**shown, "levels": part_levels(stream), "stems": stems(stream)}


def gone_as_json(text: str) -> str:
    """The message that says why there is no daemon."""
    return json.dumps({"kind": "gone", "text": text})
