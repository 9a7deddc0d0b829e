"""The configuration that the arguments of `stemd live` come to."""

import argparse
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from stemd.commands.gains import parse_gains
from stemd.commands.plans import parse_plan
from stemd.config import Config, Mixer, Plan, Table, load_config
from stemd.devices.endpoints import DEFAULT, VIRTUAL
from stemd.devices.port import Latency
from stemd.errors import ConfigError
from stemd.protocol import Plan as Numbers

_NUMBERS: Final = "numbers"  # a plan that was given by them goes under this name
_WORDS: Final[dict[str, Latency]] = {"low": "low", "high": "high"}

T = TypeVar("T", bound=Table)


def configured(options: argparse.Namespace) -> Config:
    """The file's configuration, if one is named, with the arguments in place of what it says.

    Raises:
        ConfigError: the file or an argument cannot be used.
    """
    config = load_config(Path(options.config) if options.config else None)
    plan, plans = _plan(options.plan, config)
    latency = device_latency(options.device_latency)
    capture = _changed(
        config.capture,
        device=_device("sink", options.virtual_sink, options.input) or config.capture.device or DEFAULT,
        stream=options.name,
        rate=options.rate,
        latency=latency,
        plan=plan,
        model=options.model,
    )
    playback = _changed(
        config.playback,
        device=_device("mic", options.virtual_mic, options.output) or config.playback.device or DEFAULT,
        limiter=options.limiter,
        clock=options.clock,
        latency=latency,
    )
    models = _changed(config.models, default=options.model)
    server = _changed(config.server, address=options.address)
    engine = config.engine.only(options.engine) if options.engine else config.engine
    tables = {"capture": capture, "playback": playback, "mixer": _mixer(options, config.mixer)}
    config = _changed(config, **tables, plans=plans, server=server, engine=engine, models=models)
    _ = config.address
    return config


def _device(kind: str, made: str | None, named: str | None) -> str | None:
    if made is None:
        return named
    if named is not None:
        other = "--input" if kind == "sink" else "--output"
        raise ConfigError(f"--virtual-{kind} and {other} say two things of one device: give one of them")
    return f"{VIRTUAL}{made}"


def _plan(text: str | None, config: Config) -> tuple[str, dict[str, Plan]]:
    wanted = parse_plan(text)
    if isinstance(wanted, Numbers):
        numbers = {name: getattr(wanted, name) for name in ("segment", "hop", "overlap", "lookahead")}
        return _NUMBERS, {**config.plans, _NUMBERS: _checked(Plan, numbers)}
    return wanted or config.capture.plan or config.plan or "auto", config.plans


def _mixer(options: argparse.Namespace, mixer: Mixer) -> Mixer:
    return _changed(
        mixer,
        gains={**mixer.gains, **parse_gains(options.gain)} if options.gain else None,
        mute=tuple(options.remove) if options.remove else None,
        solo=tuple(options.only) if options.only else None,
        wet=options.wet,
    )


def device_latency(text: str | None) -> Latency | None:
    """`low`, `high`, `0.02` or `20ms`, as ports take it.

    Raises:
        ConfigError: it is none of these.
    """
    if text is None:
        return None
    if text in _WORDS:
        return _WORDS[text]
    milliseconds = text.removesuffix("ms")
    try:
        return float(milliseconds) / 1_000 if milliseconds != text else float(text.removesuffix("s"))
    except ValueError:
        raise ConfigError(f"device latency {text!r} is neither low, high nor a time, as 0.02 or 20ms") from None


def _changed(table: T, **changes: Any) -> T:
    """A table with what is not None in place of what it had, checked as a file's would be."""
    kept = {name: getattr(table, name) for name in table.__struct_fields__}
    return _checked(type(table), {**kept, **{name: value for name, value in changes.items() if value is not None}})


def _checked(kind: type[T], values: dict[str, Any]) -> T:
    try:
        return msgspec.convert(msgspec.to_builtins(values), kind)
    except msgspec.ValidationError as exc:
        raise ConfigError(f"these arguments cannot be used: {_words(str(exc))}") from exc


def _words(text: str) -> str:
    # As `Expected `float` <= 1.0 - at `$.wet``.
    what, _, where = text.partition(" - at ")
    name = where.strip("`").removeprefix("$").removeprefix(".")
    return f"{name}: {what[0].lower()}{what[1:]}" if name else what
