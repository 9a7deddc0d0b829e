"""What the client that makes the load is told to do, and what it tells in return."""

from typing import Final, Literal

import msgspec

from stemd.audio import Format
from stemd.protocol import Plan
from stemd_bench.overhead.plan import PLAN, STEM

ON_TIME: Final = 10.0  # ms, what the protocol allows a block to be late


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to do.

    Attributes:
        address: of the daemon.
        pid: of the daemon, whose processor time and memory are looked at.
        kind: `paced`: streams in real time; `pingpong`: one free stream, a block at a time.
        streams: how many (paced); fewer are played where the daemon refuses some.
        rate: of the streams, in Hz.
        seconds: how long to measure (paced).
        warm_up: seconds before that, in which time bases settle (paced).
        hops: how many to measure at least, of the longest, after the first block is due (paced).
        spread: streams begin one after the other within a hop, so that their segments are not due together (paced).
        blocks: how many to measure (pingpong).
        block: frames of a block (paced); 0: those of 20 ms.
        plan: of the streams (paced).
        offered: stems that the streams may be asked for (paced); None: all of the model's.
        stems: those that are listened to (paced).
        format: in which (paced).
        subscribers: how many listen to each of these stems, each a client of its own (paced).
        copies: the network gives back what it gets, so that a changed block can be told (paced).
    """

    address: str
    pid: int
    kind: Literal["paced", "pingpong"] = "paced"
    streams: int = 1
    rate: int = 44_100
    seconds: float = 5.0
    warm_up: float = 1.5
    hops: int = 0
    spread: bool = False
    blocks: int = 500
    block: int = 0
    plan: Plan | str = PLAN
    offered: tuple[str, ...] | None = None
    stems: tuple[str, ...] = (STEM,)
    format: Format = "f32le"
    subscribers: int = 1
    copies: bool = True


class Served(msgspec.Struct, kw_only=True):
    """What one stream was given, all its listeners together.

    Attributes:
        late: ms from the moment at which a block was due (time base + declared latency) to its arrival, of each block
            after the warm-up.
        due: blocks sent after the warm-up, times listeners.
        on_time: of these, those that came whole, not degraded, and at most `ON_TIME` ms late.
        degraded: blocks that are not the network's, of all that came; likewise `changed`, those of the network that are
            not what it was given, where it copies.
        changed: see there.
        dropped: blocks that were dropped on the way to a listener.
        lost: blocks that came to nothing, and were not counted as dropped.
        load: compute time of a hop over its duration, at the end.
    """

    late: list[float] = []
    due: int = 0
    on_time: int = 0
    degraded: int = 0
    changed: int = 0
    dropped: int = 0
    lost: int = 0
    load: float = 0.0


class Result(msgspec.Struct, kw_only=True):
    """What came of paced streams.

    Attributes:
        streams: those that were opened.
        refusal: why there are no more; empty where all that were asked for are there.
        opening: seconds that it took to open them.
        declared: the longest latency of any, in seconds.
        hop: the longest of any, in seconds.
        daemon_cpu: processor time after the warm-up, in cores; likewise of the client, and of everybody else.
        client_cpu: see there.
        others: see there.
        client_late: ms by which the client itself was late with a block, p99.
        memory: resident memory of the daemon at the end, in MiB.
        memory_before: the same before a stream was opened.
    """

    streams: list[Served] = []
    refusal: str = ""
    opening: float = 0.0
    declared: float = 0.0
    hop: float = 0.0
    daemon_cpu: float = 0.0
    client_cpu: float = 0.0
    others: float = 0.0
    client_late: float = 0.0
    memory: float = 0.0
    memory_before: float = 0.0
