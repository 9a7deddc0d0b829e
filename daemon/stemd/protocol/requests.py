"""What a client sends: requests, mixture blocks and credit on one socket, `attach` on the socket for stems."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from stemd.audio import Format
from stemd.protocol.fields import (
    BlockSize,
    Channels,
    Count,
    Credits,
    Delivery,
    Gain,
    Instant,
    Name,
    Plan,
    Rate,
    Share,
    Text,
    Timing,
)


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of a connection. A daemon of another major version refuses it."""

    kind: ClassVar[bytes] = b"hello"
    request: Count
    major: Count
    minor: Count
    client: Text
    capabilities: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """Opens a stream. `block`: the most frames that one block will have. `stems`: those that may be asked for."""

    kind: ClassVar[bytes] = b"open"
    request: Count
    stream: Name
    rate: Rate
    channels: Channels
    format: Format
    block: BlockSize
    timing: Timing
    plan: Plan | Name | None
    model: Name | None
    stems: tuple[Name, ...] | None


@dataclass(frozen=True, slots=True)
class Mixture:
    """A block of the mixture; carries PCM. `position` counts frames since the stream's start."""

    kind: ClassVar[bytes] = b"mixture"
    stream: Name
    position: Count
    source_ns: Instant | None


@dataclass(frozen=True, slots=True)
class Close:
    """Ends a stream: what is in flight is still separated and sent."""

    kind: ClassVar[bytes] = b"close"
    request: Count
    stream: Name


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Asks for a stem of a stream, open or yet to come.

    `credit`: blocks that may be sent at once. `way`: whether each block is to say how it came about; since 1.3, for
    daemons with the capability `way`, and left out where it is false.
    """

    kind: ClassVar[bytes] = b"subscribe"
    request: Count
    stream: Name
    stem: Name
    format: Format
    delivery: Delivery
    credit: Credits
    way: bool = False


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Ends a subscription."""

    kind: ClassVar[bytes] = b"unsubscribe"
    request: Count
    subscription: Count


@dataclass(frozen=True, slots=True)
class Credit:
    """Blocks with a sequence below `until` may be sent. Never goes down; has no reply."""

    kind: ClassVar[bytes] = b"credit"
    subscription: Count
    until: Count


@dataclass(frozen=True, slots=True)
class SetGain:
    """Sets linear gains of network stems, and of `rest` (mixture less those), in the stem `out`."""

    kind: ClassVar[bytes] = b"set_gain"
    request: Count
    stream: Name
    gains: dict[Name, Gain]


@dataclass(frozen=True, slots=True)
class SetMixer:
    """Sets what else shapes the stem `out`; None leaves a control where it is. Names as in SetGain."""

    kind: ClassVar[bytes] = b"set_mixer"
    request: Count
    stream: Name
    mute: tuple[Name, ...] | None
    solo: tuple[Name, ...] | None
    wet: Share | None
    bypass: bool | None


@dataclass(frozen=True, slots=True)
class Status:
    """Asks what the daemon is doing."""

    kind: ClassVar[bytes] = b"status"
    request: Count


@dataclass(frozen=True, slots=True)
class Reload:
    """Has the daemon read its configuration and its models again."""

    kind: ClassVar[bytes] = b"reload"
    request: Count


@dataclass(frozen=True, slots=True)
class Ping:
    """Sent every 2 s; after three that are missed, the other side is gone. `sent_ns`: the sender's clock."""

    kind: ClassVar[bytes] = b"ping"
    sent_ns: Instant


@dataclass(frozen=True, slots=True)
class Bye:
    """The client leaves; its streams and subscriptions end."""

    kind: ClassVar[bytes] = b"bye"


@dataclass(frozen=True, slots=True)
class Attach:
    """Ties this connection to a session, so that its stems come here."""

    kind: ClassVar[bytes] = b"attach"
    session: Name


Request: TypeAlias = Hello | Open | Close | Subscribe | Unsubscribe | SetGain | SetMixer | Status | Reload
FromClient: TypeAlias = Request | Mixture | Credit | Ping | Bye | Attach
