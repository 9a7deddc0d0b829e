"""The daemon's configuration: one TOML file, each table with its defaults in `tables`."""

from pathlib import Path
from typing import Annotated

import msgspec

from stemd.address import Address, default_address
from stemd.config.exposure import check_exposure
from stemd.config.tables import (
    Capture,
    Engine,
    EngineName,
    LocalEngine,
    Log,
    LogFormat,
    Metrics,
    Mixer,
    Models,
    Plan,
    Playback,
    Realtime,
    Security,
    Server,
    Table,
)
from stemd.errors import ConfigError
from stemd.toml import read, written

__all__ = [
    "Capture",
    "Config",
    "Engine",
    "EngineName",
    "LocalEngine",
    "Log",
    "LogFormat",
    "Metrics",
    "Mixer",
    "Models",
    "Plan",
    "Playback",
    "Realtime",
    "Security",
    "Server",
    "Table",
    "as_toml",
    "load_config",
]


class Config(Table, frozen=True):
    """All of it."""

    server: Server = Server()
    models: Models = Models()
    engine: Engine = Engine()
    realtime: Realtime = Realtime()
    capture: Capture = Capture()
    playback: Playback = Playback()
    mixer: Mixer = Mixer()
    security: Security = Security()
    metrics: Metrics = Metrics()
    log: Log = Log()
    plan: str = ""  # of streams that name none: auto, fast, live, studio or one of `plans`; empty: the model's
    plans: dict[str, Plan] = msgspec.field(default_factory=dict)
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
        check_exposure(config)
    except ConfigError as exc:
        raise ConfigError(f"{path}: server.{exc}") from exc
    try:
        _ = config.metrics.endpoint
    except ConfigError as exc:
        raise ConfigError(f"{path}: metrics.{exc}") from exc
    return config


def as_toml(config: Config) -> str:
    """The configuration as TOML text; read again, it gives the same."""
    return written(config)
