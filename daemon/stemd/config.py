"""The daemon's configuration: one TOML file, every default in the types below."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec

from stemd.address import Address, default_address
from stemd.dsp.mixer import Fallback
from stemd.dsp.plan import WindowPlan
from stemd.errors import ConfigError
from stemd.protocol import LOUDEST, NAME
from stemd.toml import read

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]
Count = Annotated[int, msgspec.Meta(ge=1, le=4_096)]
Frames = Annotated[int, msgspec.Meta(ge=0, le=2**24)]
Name = Annotated[str, msgspec.Meta(pattern=rf"\A{NAME}\Z")]
Rate = Annotated[int, msgspec.Meta(ge=0, le=192_000)]
Gain = Annotated[float, msgspec.Meta(ge=0, le=LOUDEST)]
DeviceLatency = Literal["low", "high"] | Annotated[float, msgspec.Meta(gt=0, le=2)]
EngineName = Literal["onnxruntime", "openvino", "auto"]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every table of the configuration has in common."""


class Server(Table, frozen=True):
    """Where to listen, and how long to wait for clients."""

    address: str = ""  # empty: $STEMD_ADDRESS, or this user's own folder of sockets
    tap: str = ""  # an endpoint for a ZeroMQ PUB tap (topic stream/stem/), best effort; empty: none
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


class Engine(Table, frozen=True):
    """What runs networks, and how."""

    name: EngineName = "onnxruntime"  # auto: the fastest of those installed, timed when a model is first loaded
    threads: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0  # of one run; 0: one a core, 8 at most
    providers: tuple[str, ...] = ()  # of onnxruntime, best first, as "CUDAExecutionProvider"; the CPU's comes last
    device: str = "CPU"  # of OpenVINO, as "GPU" or "AUTO"
    models: dict[str, EngineName] = {}  # of single models, before `name`

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


class Config(Table, frozen=True):
    """All of it."""

    server: Server = Server()
    models: Models = Models()
    engine: Engine = Engine()
    realtime: Realtime = Realtime()
    capture: Capture = Capture()
    playback: Playback = Playback()
    mixer: Mixer = Mixer()
    plan: str = ""  # of streams that name none: auto, fast, live, studio or one of `plans`; empty: the model's
    plans: dict[str, Plan] = {}
    linger: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 2  # hops that a network goes on after its last listener

    @property
    def address(self) -> Address:
        """Where the daemon listens.

        Raises:
            ConfigError: the address is of neither form.
        """
        return Address.parse(self.server.address or default_address())

    @property
    def model_folders(self) -> list[Path]:
        """Folders of models besides the user's and the shipped ones."""
        return [Path(folder).expanduser() for folder in self.models.folders]


def load_config(path: Path | None) -> Config:
    """Read the configuration; None gives the defaults.

    Raises:
        ConfigError: the file cannot be read, or a key is unknown, of the wrong type or out of range.
    """
    if path is None:
        return Config()
    config = read(path, Config, ConfigError, "`stemd check-config --defaults` prints every key with its default")
    if config.plan not in {"", "auto", "fast", "live", "studio", *config.plans}:
        raise ConfigError(
            f"{path}: plan {config.plan!r} is none of auto, fast, live and studio, and there is no table "
            f"[plans.{config.plan}]"
        )
    if config.playback.device and not config.capture.device:
        raise ConfigError(f"{path}: playback.device plays what is captured; name capture.device too")
    try:
        _ = config.address
    except ConfigError as exc:
        raise ConfigError(f"{path}: server.{exc}") from exc
    return config


def as_toml(config: Config) -> str:
    """The configuration as TOML text; read again, it gives the same."""
    return "\n".join(_table("", msgspec.to_builtins(config))).lstrip("\n") + "\n"


def _table(title: str, table: dict[str, Any]) -> list[str]:
    lines = [f"{_key(key)} = {_literal(value)}" for key, value in table.items() if not isinstance(value, dict)]
    if lines and title:
        lines = ["", f"[{title}]", *lines]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += _table(f"{title}.{_key(key)}" if title else _key(key), value)
    return lines


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _literal(name)


def _literal(value: Any) -> str:
    # JSON's strings, numbers, booleans and lists are TOML's.
    return msgspec.json.encode(value).decode()
