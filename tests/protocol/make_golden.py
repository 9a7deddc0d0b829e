"""Writes golden/: for each kind of message the frames in hex, and beside them what they say, as JSON.

    python tests/protocol/make_golden.py

A line of a .hex file is the name of a frame or bytes of it; what follows `#` is for people. A client in any language
can replay them: what it sends must decode to the JSON, and the frames from the daemon must decode to it.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from stemd.audio import encode_pcm
from stemd.protocol import (
    Attach,
    Attached,
    Bye,
    Close,
    Closed,
    Credit,
    Fault,
    GainSet,
    Grant,
    Hello,
    MixerSet,
    Mixture,
    Moved,
    Open,
    Opened,
    Ping,
    Plan,
    Pong,
    Reload,
    Reloaded,
    SetGain,
    SetMixer,
    State,
    Status,
    Stem,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    Way,
    Welcome,
    to_frames,
)
from stemd.protocol.codec import FROM_CLIENT

GOLDEN = Path(__file__).parent / "golden"
PLAN = Plan(segment=65_536, hop=22_528, overlap=1_024, lookahead=8_192)
WAY = Way(
    arrived=123_457_469_000_000,
    submitted=123_457_469_400_000,
    begun=123_457_470_100_000,
    network_begun=123_457_470_300_000,
    network_ended=123_457_489_800_000,
    ended=123_457_490_500_000,
    ready=123_457_490_900_000,
    left=123_457_491_200_000,
)
INTEGERS = [[0, 1, 32_767], [-1, -32_768, 256]]


def pcm(fmt: str) -> bytes:
    """Three stereo frames."""

    samples = np.array(INTEGERS, np.int16)
    return encode_pcm(samples if fmt == "s16le" else samples.astype(np.float32) / np.float32(32_768), fmt)  # type: ignore[arg-type]


def stem(**changes: Any) -> Stem:
    """A header of three frames."""
    header = Stem(
        subscription=7,
        stream="desk",
        incarnation="5f3a9c0b1d2e4f60",
        stem="vocals",
        sequence=2,
        position=1_920,
        frames=3,
        rate=48_000,
        channels=2,
        format="f32le",
        capture_ns=123_456_789_000_000,
        source_ns=1_700_000_000_000_000_000,
        latency=33_600,
        dropped=0,
        flags=(),
    )
    return dataclasses.replace(header, **changes)


# By the name of the file: the kind, and where there are several of one kind, what is special.
EXAMPLES: dict[str, tuple[Any, bytes]] = {
    "hello": (Hello(1, 1, 1, "tuner 0.3", ("moved",)), b""),
    "hello-1.0": (Hello(1, 1, 0, "tuner 0.3", ()), b""),
    "welcome": (
        Welcome(1, 1, 1, "stemd 0.1.0", "a3c1e0f2b4d59687", ("realtime", "free", "gain", "mixer", "moved")),
        b"",
    ),
    "welcome-1.0": (Welcome(1, 1, 0, "stemd 0.1.0", "a3c1e0f2b4d59687", ("realtime", "free", "gain")), b""),
    "attach": (Attach("a3c1e0f2b4d59687"), b""),
    "attached": (Attached("a3c1e0f2b4d59687"), b""),
    "open": (Open(2, "desk", 48_000, 2, "f32le", 960, "realtime", "live", None, None), b""),
    "open-defaults": (Open(2, "desk", 44_100, 1, "s16le", 441, "free", None, None, None), b""),
    "open-plan": (Open(2, "desk", 48_000, 2, "f32le", 960, "free", PLAN, "spleeter-vocals", ("vocals",)), b""),
    "opened": (
        Opened(2, "desk", "5f3a9c0b1d2e4f60", "spleeter-vocals", 44_100, PLAN, ("vocals", "mix"), 33_600, None),
        b"",
    ),
    "opened-free": (
        Opened(2, "desk", "5f3a9c0b1d2e4f60", "spleeter-vocals", 44_100, PLAN, ("vocals", "mix"), 33_600, 90_000),
        b"",
    ),
    "mixture": (Mixture("desk", 960, None), pcm("f32le")),
    "mixture-s16le": (Mixture("desk", 960, 1_700_000_000_000_000_000), pcm("s16le")),
    "mixture-gap": (Mixture("desk", 48_000, None), b""),
    "grant": (Grant("desk", 92_400), b""),
    "moved": (Moved("desk", 57_600), b""),
    "close": (Close(5, "desk"), b""),
    "closed": (Closed(5, "desk", 480_000, False), b""),
    "closed-cut": (Closed(None, "desk", 96_000, True), b""),
    "subscribe": (Subscribe(3, "desk", "vocals", "f32le", "live", 16), b""),
    "subscribe-way": (Subscribe(3, "desk", "vocals", "f32le", "live", 16, way=True), b""),
    "subscribed": (Subscribed(3, 7, 0), b""),
    "subscribed-pending": (Subscribed(3, 7, None), b""),
    "credit": (Credit(7, 24), b""),
    "unsubscribe": (Unsubscribe(4, 7), b""),
    "unsubscribed": (Unsubscribed(4, 7), b""),
    "stem": (stem(), pcm("f32le")),
    "stem-s16le": (stem(format="s16le", source_ns=None, flags=("start", "gap", "degraded"), dropped=3), pcm("s16le")),
    "stem-way": (stem(way=WAY), pcm("f32le")),
    "stem-end": (stem(sequence=500, position=480_000, frames=0, source_ns=None, flags=("end", "cut")), b""),
    "set_gain": (SetGain(6, "desk", {"vocals": 0.0, "rest": 1.5}), b""),
    "gain_set": (GainSet(6, "desk", {"vocals": 0.0, "rest": 1.5}, 52_800, 480), b""),
    "set_mixer": (SetMixer(6, "desk", ("vocals",), (), 0.75, False), b""),
    "set_mixer-solo": (SetMixer(6, "desk", None, ("drums", "rest"), None, None), b""),
    "mixer_set": (
        MixerSet(6, "desk", {"vocals": 0.0, "rest": 1.5}, ("vocals",), ("rest",), 0.75, False, 52_800, 480),
        b"",
    ),
    "status": (Status(8), b""),
    "reload": (Reload(9), b""),
    "reloaded": (
        Reloaded(9, {"server.max_streams": "at once"}, ("model spleeter-vocals has another edition",)),
        b"",
    ),
    "state": (State(8, {"version": "0.1.0", "clients": 1, "load": 0.25, "streams": [{"stream": "desk"}]}), b""),
    "ping": (Ping(123_456_789_000_000), b""),
    "pong": (Pong(123_456_789_000_000, 123_456_789_050_000, 123_456_789_051_000), b""),
    "bye": (Bye(), b""),
    "error": (Fault("unknown-stem", "stream 'desk' has no stem 'vocal' (did you mean 'vocals'?)", 3, None, None), b""),
    "error-stream": (Fault("block", "stream 'desk': block at 960 has NaN or infinity", None, "desk", None), b""),
    "error-subscription": (Fault("subscriber-stalled", "gave no credit for 30 s", None, "desk", 7), b""),
}


def as_hex(message: Any, samples: bytes) -> str:
    """The text of a .hex file."""
    kind, header, body = (bytes(frame) for frame in to_frames(message, samples))
    lines = [f"# {sender(message)}: {kind.decode()}", "", "kind", f"{kind.hex(' ')}  # {kind.decode()}", "", "header"]
    values = msgpack.unpackb(header)
    pairs = [(key, msgpack.packb(key) + msgpack.packb(value)) for key, value in values.items()]
    start = header[: len(header) - sum(len(packed) for _, packed in pairs)]
    lines.append(f"{start.hex(' ')}  # a map of {len(values)}")
    lines += [f"{packed.hex(' ')}  # {key}: {json.dumps(values[key])}" for key, packed in pairs]
    return "\n".join([*lines, "", "pcm", *([body.hex(" ", 4)] if body else []), ""])


def as_json(message: Any, samples: bytes) -> str:
    """The text of a .json file."""
    said = {f.name for f in dataclasses.fields(message) if getattr(message, f.name) != f.default}
    values = {name: value for name, value in dataclasses.asdict(message).items() if name in said}
    parts = {"kind": message.kind.decode(), "from": sender(message), "message": values}
    return json.dumps({**parts, "pcm": samples.hex()}, indent=2) + "\n"


def sender(message: Any) -> str:
    """Who says it."""
    return "client" if message.kind in FROM_CLIENT else "daemon"


def texts() -> dict[str, str]:
    """Every file of the folder, by name."""
    made = {}
    for name, (message, samples) in EXAMPLES.items():
        made[f"{name}.hex"] = as_hex(message, samples)
        made[f"{name}.json"] = as_json(message, samples)
    return made


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each, text in texts().items():
        (GOLDEN / each).write_text(text, "utf-8")
