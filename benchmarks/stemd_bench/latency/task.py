"""What the client that plays and listens is told to do, and what it tells in return."""

import msgspec


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to do.

    Attributes:
        address: of the daemon.
        pid: of the daemon, whose processor time is looked at.
        key: a file with the client's key; empty: the daemon asks for none.
        song: a NumPy file, (frames, 2) float32 at `rate`; it is played over and over.
        heard: where the blocks that were heard go, as a NumPy file of `blocks.BLOCK`.
        stem: that is listened to.
        streams: how many are played at once.
        rate: of the streams, in Hz.
        block: frames of a block.
        plan: by name.
        seconds: how much of what is played is measured.
        warm_up: seconds before that.
        until_degraded: whether to stop once a block was degraded.
    """

    address: str
    pid: int
    song: str
    heard: str
    key: str = ""
    stem: str = "instrumental"
    streams: int = 1
    rate: int = 44_100
    block: int = 256
    plan: str = "auto"
    seconds: float = 10.0
    warm_up: float = 2.0
    until_degraded: bool = False


class Result(msgspec.Struct, kw_only=True):
    """What came of it, beside the blocks.

    Attributes:
        refusal: why a stream was not opened; empty where all were.
        opened: how many were.
        hops: of each, in seconds.
        sent: blocks.
        heard: blocks, also of those that are not measured; likewise `degraded`.
        degraded: see there.
        lost: blocks that were dropped on the way to the listener, or did not begin where the one before ended.
        daemon_cpu: its processor time, in cores; likewise of the client, and of everybody else.
        client_cpu: see there.
        others: see there.
        send_late_p99: ms by which the client itself was late with a block.
    """

    refusal: str = ""
    opened: int = 0
    hops: list[float] = []
    sent: int = 0
    heard: int = 0
    degraded: int = 0
    lost: int = 0
    daemon_cpu: float = 0.0
    client_cpu: float = 0.0
    others: float = 0.0
    send_late_p99: float = 0.0
