"""What the values in messages may be, and the limits of the protocol."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from stemd.audio import MAX_CHANNELS, MAX_RATE, MIN_RATE
from stemd.schema import Matches, Range

MAJOR: Final = 1
MINOR: Final = 3
MAX_HEADER: Final = 16_384  # bytes of a client's header
MAX_ITEMS: Final = 256  # of one list or map in it
MAX_REPLY: Final = 2**20  # bytes of a daemon's header: the state of many streams is long
MAX_REPLY_ITEMS: Final = 4_096  # of one list or map in that
MAX_BLOCK: Final = 192_000
MAX_CREDIT: Final = 4_096
PING_INTERVAL: Final = 2.0
MISSES_UNTIL_GONE: Final = 3

NAME: Final = r"[A-Za-z0-9._-]{1,64}"
LOUDEST: Final = 8.0  # of a gain

Name = Annotated[str, Matches(NAME, "a name (1 to 64 of A-Z a-z 0-9 . _ -)")]
Text = Annotated[str, Matches(r"(?s).{0,2048}", "a text of at most 2048 characters")]
Count = Annotated[int, Range(0, 2**62)]
Instant = Annotated[int, Range(-(2**62), 2**62)]  # nanoseconds
Rate = Annotated[int, Range(MIN_RATE, MAX_RATE)]
Channels = Annotated[int, Range(1, MAX_CHANNELS)]
BlockSize = Annotated[int, Range(1, MAX_BLOCK)]
Credits = Annotated[int, Range(1, MAX_CREDIT)]
Gain = Annotated[float, Range(0.0, LOUDEST)]
Share = Annotated[float, Range(0.0, 1.0)]
Timing = Literal["realtime", "free"]
Delivery = Literal["live", "lossless"]
Flag = Literal["start", "gap", "degraded", "end", "cut"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A window plan in the model's frames; DESIGN: hop + overlap + lookahead <= segment, overlap <= hop."""

    segment: Annotated[int, Range(1, 2**24)]
    hop: Annotated[int, Range(1, 2**24)]
    overlap: Annotated[int, Range(0, 2**24)]
    lookahead: Annotated[int, Range(0, 2**24)]


@dataclass(frozen=True, slots=True)
class Way:
    """How a stem block came about: points of time on the daemon's monotonic clock, none before the one above it.

    Of the last segment that the block waited for; where another overtook that one, each point is when both had come so
    far. What lies between two points, and `capture_ns` before the first and the receive call after the last, adds up to
    the block's latency.

    Attributes:
        arrived: the input block that completed the segment was read.
        submitted: the segment went to the workers; resampling, and the STFT of a stream that keeps one, lie before.
        begun: a worker took it up.
        network_begun: the network itself began; a network's own STFT lies before.
        network_ended: and ended; masks and the inverse STFT follow.
        ended: the worker was done.
        ready: the estimate was joined with those before it, so that the block could leave.
        left: the block was handed to the socket, once it was due and there was credit.
    """

    arrived: Instant
    submitted: Instant
    begun: Instant
    network_begun: Instant
    network_ended: Instant
    ended: Instant
    ready: Instant
    left: Instant
