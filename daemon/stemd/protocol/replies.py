"""What the daemon sends: replies, credit and faults on the socket for requests, stem blocks on the other."""

from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from stemd.audio import Format
from stemd.protocol.fields import Channels, Count, Flag, Gain, Instant, Name, Plan, Rate, Share, Text, Way


@dataclass(frozen=True, slots=True)
class Welcome:
    """Answers Hello."""

    kind: ClassVar[bytes] = b"welcome"
    request: Count
    major: Count
    minor: Count
    daemon: Text
    session: Name
    capabilities: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Attached:
    """Answers Attach, on the socket for stems."""

    kind: ClassVar[bytes] = b"attached"
    session: Name


@dataclass(frozen=True, slots=True)
class Opened:
    """Answers Open. `latency`: input to output in the stream's frames, kept. `until`: as in Grant, None = no bound."""

    kind: ClassVar[bytes] = b"opened"
    request: Count
    stream: Name
    incarnation: Name
    model: Name
    model_rate: Rate
    plan: Plan
    stems: tuple[Name, ...]
    latency: Count
    until: Count | None


@dataclass(frozen=True, slots=True)
class Grant:
    """Of a `free` stream, frames below `until` may be sent now. Never goes down."""

    kind: ClassVar[bytes] = b"grant"
    stream: Name
    until: Count


@dataclass(frozen=True, slots=True)
class Moved:
    """A `realtime` stream went on without its source: frames before `position` are a gap, send from there on.

    Only for clients with the capability `moved`.
    """

    kind: ClassVar[bytes] = b"moved"
    stream: Name
    position: Count


@dataclass(frozen=True, slots=True)
class Closed:
    """Answers Close, once the last block has left (`position`: the stream's length); or tells of an end forced."""

    kind: ClassVar[bytes] = b"closed"
    request: Count | None
    stream: Name
    position: Count
    cut: bool


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Answers Subscribe. `position`: the first frame to come; None while the stream is not open (pending)."""

    kind: ClassVar[bytes] = b"subscribed"
    request: Count
    subscription: Count
    position: Count | None


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """Answers Unsubscribe."""

    kind: ClassVar[bytes] = b"unsubscribed"
    request: Count
    subscription: Count


@dataclass(frozen=True, slots=True)
class GainSet:
    """Answers SetGain: the ramp begins at `position` and takes `ramp` frames."""

    kind: ClassVar[bytes] = b"gain_set"
    request: Count
    stream: Name
    gains: dict[Name, Gain]
    position: Count
    ramp: Count


@dataclass(frozen=True, slots=True)
class MixerSet:
    """Answers SetMixer with all controls: the ramp begins at `position` and takes `ramp` frames."""

    kind: ClassVar[bytes] = b"mixer_set"
    request: Count
    stream: Name
    gains: dict[Name, Gain]
    mute: tuple[Name, ...]
    solo: tuple[Name, ...]
    wet: Share
    bypass: bool
    position: Count
    ramp: Count


@dataclass(frozen=True, slots=True)
class State:
    """Answers Status; the keys below `state` may grow."""

    kind: ClassVar[bytes] = b"state"
    request: Count
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Answers Reload. `changed`: the keys that differ, and when each takes effect; `notes`: what else is to be said."""

    kind: ClassVar[bytes] = b"reloaded"
    request: Count
    changed: dict[Name, Text]
    notes: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers Ping; with the time of its arrival these are the four timestamps of an offset estimate."""

    kind: ClassVar[bytes] = b"pong"
    sent_ns: Instant
    received_ns: Instant
    answered_ns: Instant


@dataclass(frozen=True, slots=True)
class Fault:
    """Something failed. `request`: the one it answers, if any; else `stream` or `subscription` say what it is about."""

    kind: ClassVar[bytes] = b"error"
    code: Name
    text: Text
    request: Count | None
    stream: Name | None
    subscription: Count | None


@dataclass(frozen=True, slots=True)
class Stem:
    """A block of a stem; carries PCM, none when `end` is flagged. Times are of its first frame.

    `way`: only where the subscription asked for it, and a network's estimate is in the block; else it is left out.
    """

    kind: ClassVar[bytes] = b"stem"
    subscription: Count
    stream: Name
    incarnation: Name
    stem: Name
    sequence: Count
    position: Count
    frames: Count
    rate: Rate
    channels: Channels
    format: Format
    capture_ns: Instant
    source_ns: Instant | None
    latency: Count
    dropped: Count
    flags: tuple[Flag, ...]
    way: Way | None = None


Reply: TypeAlias = Welcome | Opened | Closed | Subscribed | Unsubscribed | GainSet | MixerSet | State | Reloaded
FromDaemon: TypeAlias = Reply | Attached | Grant | Moved | Pong | Fault | Stem
