"""Messages to frames and back: `[kind, header, pcm]`, the header a msgpack map, the PCM raw."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final

import msgpack

from stemd.errors import ProtocolError, nearest
from stemd.protocol.fields import MAX_HEADER, MAX_ITEMS, MAX_REPLY, MAX_REPLY_ITEMS
from stemd.protocol.replies import (
    Attached,
    Closed,
    Fault,
    FromDaemon,
    GainSet,
    Grant,
    MixerSet,
    Moved,
    Opened,
    Pong,
    Reloaded,
    State,
    Stem,
    Subscribed,
    Unsubscribed,
    Welcome,
)
from stemd.protocol.requests import (
    Attach,
    Bye,
    Close,
    Credit,
    FromClient,
    Hello,
    Mixture,
    Open,
    Ping,
    Reload,
    SetGain,
    SetMixer,
    Status,
    Subscribe,
    Unsubscribe,
)
from stemd.schema import build

FROM_CLIENT: Final[dict[bytes, type[Any]]] = {
    cls.kind: cls
    for cls in (
        Hello,
        Open,
        Mixture,
        Close,
        Subscribe,
        Unsubscribe,
        Credit,
        SetGain,
        SetMixer,
        Status,
        Reload,
        Ping,
        Bye,
        Attach,
    )
}
FROM_DAEMON: Final[dict[bytes, type[Any]]] = {
    cls.kind: cls
    for cls in (
        Welcome,
        Attached,
        Opened,
        Grant,
        Moved,
        Closed,
        Subscribed,
        Unsubscribed,
        GainSet,
        MixerSet,
        State,
        Reloaded,
        Pong,
        Fault,
        Stem,
    )
}
CARRIES_PCM: Final = frozenset({Mixture.kind, Stem.kind})


def to_frames(message: FromClient | FromDaemon, pcm: bytes | memoryview = b"") -> list[bytes | memoryview]:
    """The frames `[kind, header, pcm]` of a message. What is optional and at its default is left out.

    So whoever does not use what a minor version has added sends what was sent before it.
    """
    header = {f.name: value for f in fields(message) if (value := getattr(message, f.name)) != f.default}
    return [message.kind, msgpack.packb(header, default=asdict), pcm]


def from_client(frames: Sequence[bytes | memoryview]) -> tuple[FromClient, memoryview]:
    """What a client sent: the message and its PCM. Missing and unknown keys are errors.

    Raises:
        ProtocolError: the frames break the protocol; the text says where.
    """
    return _parse(frames, FROM_CLIENT, strict=True)


def from_daemon(frames: Sequence[bytes | memoryview]) -> tuple[FromDaemon, memoryview]:
    """What a daemon sent: the message and its PCM. Unknown keys are ignored, so that daemons may grow.

    Raises:
        ProtocolError: the frames break the protocol; the text says where.
    """
    return _parse(frames, FROM_DAEMON, strict=False)


def request_of(frames: Sequence[bytes | memoryview]) -> int | None:
    """The request number in frames that may be broken otherwise, so that the error can name it."""
    try:
        number = _header(frames[1], "header", MAX_HEADER, MAX_ITEMS).get("request")
    except (ProtocolError, IndexError):
        return None
    return number if type(number) is int and 0 <= number <= 2**62 else None


def _parse(
    frames: Sequence[bytes | memoryview], known: dict[bytes, type[Any]], *, strict: bool
) -> tuple[Any, memoryview]:
    if len(frames) != 3:
        raise ProtocolError(f"a message has 3 frames (kind, header, pcm), not {len(frames)}")
    kind, pcm = bytes(frames[0][:32]), memoryview(frames[2])
    name = kind.decode("ascii", "replace")
    if kind not in known:
        raise ProtocolError(f"unknown kind {name!r}{nearest(name, (k.decode() for k in known))}")
    if len(pcm) and kind not in CARRIES_PCM:
        raise ProtocolError(f"{name}: carries no pcm, got {len(pcm)} bytes")
    limits = (MAX_HEADER, MAX_ITEMS) if strict else (MAX_REPLY, MAX_REPLY_ITEMS)
    return build(known[kind], _header(frames[1], name, *limits), name, strict=strict), pcm


def _header(header: bytes | memoryview, name: str, most: int, items: int) -> dict[str, Any]:
    if len(header) > most:
        raise ProtocolError(f"{name}: header of {len(header)} bytes is over the limit of {most}")
    try:
        # Lists are made at their declared length before their items are read: without a limit, 3 KB of nested
        # list heads take 100 MB.
        values = msgpack.unpackb(
            header, raw=False, strict_map_key=True, max_array_len=items, max_map_len=items, max_ext_len=0
        )
    except (ValueError, RecursionError, msgpack.UnpackException) as exc:
        raise ProtocolError(f"{name}: header is not msgpack ({exc or type(exc).__name__})"[:300]) from exc
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ProtocolError(f"{name}: header is not a map with text keys")
    return values
