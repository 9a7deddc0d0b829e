"""What the client that makes the load is told to do."""

from typing import Literal

import msgspec


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to do.

    Attributes:
        address: of the daemon.
        pid: of the daemon, whose processor time is counted.
        kind: `paced`: streams in real time; `pingpong`: one free stream, a block at a time.
        streams: how many (paced).
        rate: of the streams, in Hz.
        seconds: how long to measure (paced).
        blocks: how many to measure (pingpong).
    """

    address: str
    pid: int
    kind: Literal["paced", "pingpong"]
    streams: int = 1
    rate: int = 44_100
    seconds: float = 5.0
    blocks: int = 500
