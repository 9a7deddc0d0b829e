"""The daemon's configuration: one TOML file, every default in the types below."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec

from stemd.address import Address, default_address
from stemd.dsp.plan import WindowPlan
from stemd.errors import ConfigError
from stemd.toml import read

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]
Count = Annotated[int, msgspec.Meta(ge=1, le=4_096)]
Frames = Annotated[int, msgspec.Meta(ge=0, le=2**24)]
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
    ahead: Annotated[int, msgspec.Meta(ge=1, le=64)] = 3  # segments of other streams that may go first
    live_backlog: Seconds = 0.25  # a live subscriber that reads late loses what is older
    lossless_backlog: Seconds = 10.0  # a lossless subscriber that reads later than this is dropped


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
    plan: str = ""  # of streams that name none: live or studio, or one of `plans`; empty: what the model recommends
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
    if config.plan not in {"", "live", "studio", *config.plans}:
        raise ConfigError(f"{path}: plan {config.plan!r} is neither live nor studio nor a table [plans.{config.plan}]")
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
