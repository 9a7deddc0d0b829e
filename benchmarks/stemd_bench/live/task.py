"""What the client that plays and listens is told to do, and what it tells in return."""

import msgspec

STREAM = "bench"
STEM = "instrumental"
WARM_UP = 2.0  # seconds


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to do.

    Attributes:
        address: of the daemon.
        pid: of the daemon, whose memory and processor time are looked at.
        song: a NumPy file, (frames, 2) float32 at `rate`; it is played over and over. Empty: somebody else feeds the
            stream, which is open already.
        stream: its name.
        rate: of the stream, in Hz.
        block: frames of a block.
        plan: by name.
        seconds: how long to play.
        warm_up: seconds at the beginning whose latencies are not counted.
    """

    address: str
    pid: int
    song: str = ""
    stream: str = STREAM
    rate: int = 44_100
    block: int = 256
    plan: str = "auto"
    seconds: float = 10.0
    warm_up: float = WARM_UP


class Result(msgspec.Struct, kw_only=True):
    """What came of it.

    Attributes:
        refusal: why the stream was not opened; empty where it was.
        declared: latency, in seconds.
        plan: segment, hop, overlap and lookahead, in the model's frames.
        late: ms from the moment at which a block was due (time base + declared latency) to its arrival, in order.
        sent: blocks.
        heard: blocks.
        degraded: blocks heard that are not the network's.
        dropped: blocks that were dropped on the way to the listener.
        misplaced: blocks that did not begin where the one before ended.
        gaps: in the input, as the daemon counted them.
        jumps: how often the time base began anew.
        loads: compute time of a hop over its duration, as the daemon smooths it, twice a second.
        memory: resident memory of the daemon in MiB, as often.
        daemon_cpu: its processor time, in cores; likewise of the client, and of everybody else.
        client_cpu: see there.
        others: see there.
        send_late_p99: ms by which the client itself was late with a block.
        devices: what went wrong with sound devices meanwhile, counted, by device and fault.
    """

    refusal: str = ""
    declared: float = 0.0
    plan: tuple[int, ...] = ()
    late: list[float] = []
    sent: int = 0
    heard: int = 0
    degraded: int = 0
    dropped: int = 0
    misplaced: int = 0
    gaps: int = 0
    jumps: int = 0
    loads: list[float] = []
    memory: list[float] = []
    daemon_cpu: float = 0.0
    client_cpu: float = 0.0
    others: float = 0.0
    send_late_p99: float = 0.0
    devices: dict[str, int] = {}
