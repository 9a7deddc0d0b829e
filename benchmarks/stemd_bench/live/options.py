"""What can be asked of `stemd bench live`."""

import argparse
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

from stemd.errors import ConfigError
from stemd_bench.quality.songs import SONGS, Scored
from stemd_bench.suite import Suite

RATES: Final = (44_100, 48_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Scored):
    """As on the command line; see Scored for the rest.

    Attributes:
        seconds: how long each stream plays.
        plans: by name.
        rates: of the streams, in Hz.
        beside: also measure beside a free stream with a slow network.
    """

    seconds: float = 120.0
    plans: tuple[str, ...] = ("auto", "fast", "live")
    rates: tuple[int, ...] = RATES[:1]
    beside: bool = False


def suite(arguments: argparse.Namespace) -> Suite:
    """What the command line asks for.

    Raises:
        ConfigError: a number is too small, a rate is none of those known, or a folder is not there.
    """
    options = _options(arguments)
    from stemd_bench.live.suite import Live  # noqa: PLC0415 - only where it is wanted

    return Live(options)


def _options(arguments: argparse.Namespace) -> Options:
    seconds = arguments.seconds if arguments.seconds is not None else 10.0 if arguments.quick else 120.0
    if not 5 <= seconds < inf:
        raise ConfigError("--seconds takes 5 or more: the first two are not counted")
    rates = dict.fromkeys(arguments.rate.split(","))
    if not rates.keys() <= set(map(str, RATES)):
        raise ConfigError(f"--rate takes {' and '.join(map(str, RATES))}, with a comma between")
    songs = Path(arguments.songs) if arguments.songs else SONGS
    if arguments.songs and not songs.is_dir():
        raise ConfigError(f"--songs {songs}: no such folder")
    plans = tuple(dict.fromkeys(filter(None, arguments.plan.split(","))))
    return Options(
        quick=arguments.quick,
        seconds=seconds,
        plans=plans,
        rates=tuple(map(int, rates)),
        songs=songs,
        beside=arguments.beside,
    )
