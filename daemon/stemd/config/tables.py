"""The tables of the configuration: every default stands here."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

import msgspec

from stemd.address import is_loopback
from stemd.dsp.mixer import Fallback
from stemd.dsp.plan import WindowPlan
from stemd.errors import ConfigError
from stemd.keys import default_folder
from stemd.protocol import LOUDEST, NAME

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]
Count = Annotated[int, msgspec.Meta(ge=1, le=4_096)]
Frames = Annotated[int, msgspec.Meta(ge=0, le=2**24)]
Name = Annotated[str, msgspec.Meta(pattern=rf"\A{NAME}\Z")]
Rate = Annotated[int, msgspec.Meta(ge=0, le=192_000)]
Gain = Annotated[float, msgspec.Meta(ge=0, le=LOUDEST)]
DeviceLatency = Literal["low", "high"] | Annotated[float, msgspec.Meta(gt=0, le=2)]
LocalEngine = Literal["onnxruntime", "openvino", "auto"]
EngineName = LocalEngine | Literal["triton"]
LogFormat = Literal["auto", "human", "json", "journald"]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every table of the configuration has in common."""


class Server(Table, frozen=True):
    """Where to listen, and how long to wait for clients."""

    address: str = ""  # empty: $STEMD_ADDRESS, or this user's own folder of sockets
    tap: str = ""  # an endpoint for a ZeroMQ PUB tap (topic stream/stem/), best effort; empty: none
    max_clients: Count = 4_096
    max_streams: Count = 64
    max_subscriptions: Count = 1_024
    stall_timeout: Seconds = 30.0  # a lossless subscriber of a free stream without credit is dropped after this
    owner_timeout: Seconds = 5.0  # a realtime stream whose client has gone is closed after this
    drain_timeout: Seconds = 4.0  # when stopping, work goes on for this long


class Models(Table, frozen=True):
    """Which networks there are."""

    default: str = "spleeter-vocals"
    preload: tuple[str, ...] = ()  # loaded before READY, besides the default
    folders: tuple[str, ...] = ()  # searched before the user's and the shipped models


class Triton(Table, frozen=True):
    """Servers that run networks for this daemon, by KServe's second protocol over gRPC."""

    endpoints: tuple[str, ...] = ()  # as "10.0.0.7:8001"; one may be a load balancer's
    parallel: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1  # segments of a network that an endpoint runs at a time
    fallback: LocalEngine | Literal[""] = ""  # runs here what no endpoint can; empty: nothing does
    tls: bool = False
    ca: str = ""  # file of those who vouch for the servers; empty: the system's
    certificate: str = ""  # file of this daemon's own, where servers ask for one
    key: str = ""  # file of its private key
    token_file: str = ""  # a file with a token, sent as "authorization: Bearer"; wants tls beyond this machine
    shared_memory: bool = True  # with servers of this machine


class Engine(Table, frozen=True):
    """What runs networks, and how."""

    name: EngineName = "onnxruntime"  # auto: the fastest of those installed, timed when a model is first loaded; triton
    threads: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0  # of one run; 0: one a core, 8 at most
    providers: tuple[str, ...] = ()  # of onnxruntime, best first, as "CUDAExecutionProvider"; the CPU's comes last
    device: str = "CPU"  # of OpenVINO, as "GPU" or "AUTO"
    models: dict[str, EngineName] = {}  # of single models, before `name`
    workers: Literal["threads", "processes"] = "threads"  # processes (Linux): one that crashes costs its segment alone
    standby: bool = True  # of processes: one more, with everything loaded, for the realtime lane when one is lost
    hang_timeout: Seconds = 30.0  # a segment that runs for longer, and eight times as long as usual, is given up
    realtime_hang_timeout: Seconds = 5.0  # the same where a realtime stream waits for it
    triton: Triton = Triton()

    def only(self, name: EngineName) -> Self:
        """The same with one engine for every model."""
        return msgspec.structs.replace(self, name=name, models={})

    def thread_count(self) -> int:
        """How many threads one run of a network uses."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.threads or min(8, cores)


class Realtime(Table, frozen=True):
    """What is added to the latency of a realtime stream so that it can be kept."""

    margin: Seconds = 0.025  # for jitter of arrival, the event loop, other processes
    ahead: Annotated[int, msgspec.Meta(ge=0, le=64)] = 1  # segments of others that may go first; 0: one stream alone
    # Of the real-time class, for the thread that a sound device calls, where the system allows it; 0: as any other.
    audio_priority: Annotated[int, msgspec.Meta(ge=0, le=20)] = 10
    priority: tuple[str, ...] = ("vocals",)  # stems that are separated first, and given up last, if time is short
    fallback: Fallback = (
        "dry"  # what `out` plays where a network was too late: dry, silence, or fade (dry, then silence)
    )
    live_backlog: Seconds = 0.25  # a live subscriber that reads late loses what is older
    lossless_backlog: Seconds = 10.0  # a lossless subscriber that reads later than this is dropped


class Capture(Table, frozen=True):
    """A sound device whose input becomes a stream, as long as the daemon runs."""

    device: str = ""  # as `stemd devices` names it; default, system; virtual:NAME, a sink to make; empty: none
    stream: Name = "live"  # what clients subscribe to
    rate: Rate = 0  # frames a second; 0: the device's own
    channels: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0  # 0: what it has, at most 2
    block: Annotated[int, msgspec.Meta(ge=16, le=8_192)] = 256  # frames of the stream's blocks
    period: Annotated[int, msgspec.Meta(ge=0, le=8_192)] = 0  # frames of a callback; 0: as the device likes it
    latency: DeviceLatency = 0.02  # of the device's buffers: seconds, low or high
    model: str = ""  # empty: models.default
    plan: str = ""  # empty: `plan`


class Playback(Table, frozen=True):
    """A sound device that plays a stem of a stream, as long as the daemon runs."""

    device: str = ""  # as `stemd devices` names it; default; virtual:NAME, a microphone to make; empty: none
    stem: Name = "out"  # of the captured stream
    rate: Rate = 0  # frames a second; 0: the stream's if the clock is the same, else the device's own
    channels: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0  # 0: what it has, at most 2
    period: Annotated[int, msgspec.Meta(ge=0, le=8_192)] = 0  # frames of a callback; 0: as the device likes it
    latency: DeviceLatency = 0.02  # of the device's buffers: seconds, low or high
    hold: Seconds = 0.015  # by which blocks are there before the device asks for them
    limiter: bool = True  # else what is over full scale is counted, and clipped by the device
    clock: Literal["auto", "same", "own"] = "auto"  # own: resampled to follow the source; auto: unless it is one device


class Mixer(Table, frozen=True):
    """Where the controls of the captured stream's `out` stand at first."""

    gains: dict[str, Gain] = {}  # linear, of stems and of `rest`
    mute: tuple[str, ...] = ()
    solo: tuple[str, ...] = ()
    wet: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0  # 0: the mixture, 1: what the controls make of it
    bypass: bool = False


class Metrics(Table, frozen=True):
    """What monitoring may read, by HTTP: /metrics, /healthz and /readyz."""

    address: str = ""  # host:port of this machine's own, as "127.0.0.1:9109" or "[::1]:9109"; empty: none

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """Host and port.

        Raises:
            ConfigError: it is none, or other machines could reach it.
        """
        if not self.address:
            return None
        host, _, port = self.address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ConfigError(f"address {self.address!r} is not host:port, as '127.0.0.1:9109'")
        if not is_loopback(host):
            raise ConfigError(
                f"address {self.address!r} could be reached from other machines, and it tells the names of streams "
                "and clients to whoever asks: listen on 127.0.0.1, behind a reverse proxy that asks who is there"
            )
        return host, int(port)


class Log(Table, frozen=True):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "warning"  # the least that is
    format: LogFormat = "auto"  # human, json, journald; auto: journald where systemd's journal reads stderr


class Security(Table, frozen=True):
    """Whom to let in, and how much each key may have. Where other machines can reach the daemon, it asks for keys."""

    keys: str = ""  # folder of the daemon's keys and of the list of those let in; empty: this user's own
    required: bool = False  # ask for a key on loopback and on Unix sockets, too
    max_clients: Count = 16  # sessions at a time with one key: clients that have said hello
    max_streams: Count = 8
    max_subscriptions: Count = 64
    messages_per_second: Annotated[int, msgspec.Meta(ge=10, le=10**6)] = 10_000  # what is over is dropped
    bytes_per_second: Annotated[int, msgspec.Meta(ge=2**16, le=2**33)] = 2**26
    message_bytes: Annotated[int, msgspec.Meta(ge=2**14, le=2**24)] = 2**21  # of a frame; longer ones end a connection

    def __post_init__(self) -> None:
        """Refuse frames of which not one could pass."""
        if self.message_bytes > self.bytes_per_second:
            raise ValueError(f"message_bytes is {self.message_bytes}, and a second has {self.bytes_per_second}")

    @property
    def folder(self) -> Path:
        """The folder of keys."""
        return Path(self.keys).expanduser() if self.keys else default_folder()


class Plan(Table, frozen=True):
    """A window plan, in the model's frames."""

    segment: Frames
    hop: Frames
    overlap: Frames
    lookahead: Frames

    def __post_init__(self) -> None:
        """Refuse what no segment can hold."""
        try:
            self.window()
        except ConfigError as exc:
            raise ValueError(str(exc)) from exc

    def window(self) -> WindowPlan:
        """The plan as the segmenter wants it."""
        return WindowPlan(self.segment, self.hop, self.overlap, self.lookahead)
