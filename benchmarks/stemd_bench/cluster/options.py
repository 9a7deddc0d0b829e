"""What can be asked of `stemd bench cluster`."""

import argparse
from dataclasses import dataclass
from typing import Final

from stemd.errors import ConfigError
from stemd_bench.machine import cores
from stemd_bench.streams.options import plays
from stemd_bench.suite import Suite

_USUAL: Final = ("roomy", "auto")
_QUICK: Final = _USUAL[:1]
_MOST_SERVERS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """As on the command line.

    Attributes:
        quick: fewer of everything, once, and a narrow HT-Demucs.
        servers: how many at once, ascending.
        streams: the most that are tried.
        plans: those that streams are counted with, by name.
        seconds: how long each play is measured, and how long each kind of request.
    """

    quick: bool = False
    servers: tuple[int, ...] = (1, 2)
    streams: int = 128
    plans: tuple[str, ...] = _USUAL
    seconds: float = 4.0


def suite(arguments: argparse.Namespace) -> Suite:
    """What the command line asks for.

    Raises:
        ConfigError: a number is out of bounds, or a plan is none of those known.
    """
    from stemd_bench.cluster.suite import Cluster  # noqa: PLC0415 - what is refused needs none of it

    return Cluster(_options(arguments))


def _options(arguments: argparse.Namespace) -> Options:
    quick = arguments.quick
    most = arguments.servers if arguments.servers is not None else min(cores(), 2 if quick else _MOST_SERVERS)
    if not 1 <= most <= _MOST_SERVERS:
        raise ConfigError(f"--servers takes 1 to {_MOST_SERVERS}")
    streams, plans, seconds = plays(arguments)
    return Options(
        quick=quick,
        servers=doubling(most),
        streams=streams,
        plans=plans or (_QUICK if quick else _USUAL),
        seconds=seconds,
    )


def doubling(most: int) -> tuple[int, ...]:
    """1, 2, 4 and so on, and the most."""
    return tuple(sorted({most, *(2**n for n in range(most.bit_length()) if 2**n <= most)}))
