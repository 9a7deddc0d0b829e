"""What can be asked of `stemd bench streams`."""

import argparse
from dataclasses import dataclass
from typing import Final

from stemd.errors import ConfigError, nearest
from stemd_bench.suite import Suite

PLANS: Final = ("live", "fast", "auto", "roomy", "studio")
_FEW: Final = {"spleeter-vocals": ("live", "auto", "roomy"), "copy": ("live",)}
_FEWER: Final = ("roomy",)
_MOST: Final = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """As on the command line.

    Attributes:
        quick: fewer streams, plans and points, a narrow HT-Demucs, one run of each.
        streams: the most that are tried.
        plans: by name, of `PLANS`; empty: as many as there is time for.
        seconds: how long each play is measured.
    """

    quick: bool = False
    streams: int = 128
    plans: tuple[str, ...] = ()
    seconds: float = 4.0

    def plans_of(self, network: str) -> tuple[str, ...]:
        """Those that are tried with a network."""
        return self.plans or (_FEW.get(network, _FEWER) if self.quick else PLANS)


def suite(arguments: argparse.Namespace) -> Suite:
    """What the command line asks for.

    Raises:
        ConfigError: a number is out of bounds, or a plan is none of those known.
    """
    from stemd_bench.streams.suite import Streams  # noqa: PLC0415 - what is refused needs none of it

    return Streams(_options(arguments))


def _options(arguments: argparse.Namespace) -> Options:
    streams, plans, seconds = plays(arguments)
    return Options(quick=arguments.quick, streams=streams, plans=plans, seconds=seconds)


def plays(arguments: argparse.Namespace) -> tuple[int, tuple[str, ...], float]:
    """How many streams at most, by which plans (none: not said), and for how many seconds each time.

    Raises:
        ConfigError: a number is out of bounds, or a plan is none of `PLANS`.
    """
    streams = arguments.streams if arguments.streams is not None else 32 if arguments.quick else 128
    if not 1 <= streams <= _MOST:
        raise ConfigError(f"--streams takes 1 to {_MOST}")
    seconds = arguments.seconds if arguments.seconds is not None else 1.0 if arguments.quick else 4.0
    if not 0.5 <= seconds <= 600:
        raise ConfigError("--seconds takes 0.5 to 600")
    plans = tuple(dict.fromkeys(filter(None, (arguments.plan or "").split(","))))
    for plan in plans:
        if plan not in PLANS:
            raise ConfigError(f"--plan takes {', '.join(PLANS)}, not {plan!r}{nearest(plan, PLANS)}")
    return streams, plans, seconds
