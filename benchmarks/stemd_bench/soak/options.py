"""What can be asked of `stemd bench soak`."""

import argparse
from dataclasses import dataclass
from math import inf

from stemd.errors import ConfigError
from stemd_bench.suite import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """As on the command line: how long, which plan, and whether through sound devices."""

    seconds: float = 600.0
    plan: str = "auto"
    devices: bool = False


def suite(arguments: argparse.Namespace) -> Suite:
    """What the command line asks for.

    Raises:
        ConfigError: the time is too short.
    """
    from stemd_bench.soak.suite import Soak  # noqa: PLC0415 - only where it is wanted

    seconds = arguments.seconds if arguments.seconds is not None else 20.0 if arguments.quick else 600.0
    if not 10 <= seconds < inf:
        raise ConfigError("--seconds takes 10 or more")
    return Soak(Options(seconds=seconds, plan=arguments.plan, devices=arguments.devices))
