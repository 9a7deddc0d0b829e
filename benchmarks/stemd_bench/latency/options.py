"""What can be asked of `stemd bench latency`."""

import argparse
from dataclasses import dataclass
from typing import Final

from stemd.errors import ConfigError
from stemd_bench.latency.cases import COPY, DEMUCS, NARROW, SPLEETER
from stemd_bench.suite import Suite

PLANS: Final = ("auto", "live", "fast", "studio")
_QUICK_PLANS: Final = PLANS[:3]
_MOST_STREAMS: Final = 64
_MOST_SECONDS: Final = 600  # what was heard is kept in memory
NETWORKS: Final = {"spleeter": SPLEETER, "copying": COPY, "htdemucs": DEMUCS}
"""As on the command line, and what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """As on the command line.

    Attributes:
        quick: shorter, once, and with a narrow HT-Demucs.
        seconds: how long each stream is measured.
        plans: by name; the first is that of the base.
        streams: how many at once, ascending.
        networks: see `cases`; the first is that of the base.
    """

    quick: bool = False
    seconds: float = 10.0
    plans: tuple[str, ...] = PLANS
    streams: tuple[int, ...] = (1, 2, 4, 8)
    networks: tuple[str, ...] = tuple(NETWORKS.values())

    @property
    def repeats(self) -> int:
        """How often each case is run."""
        return 1 if self.quick else 3

    @property
    def promised(self) -> tuple[float, ...]:
        """The loads at which streams are promised a latency that is then tried at higher loads."""
        return (0.6,) if self.quick else (0.3, 0.6)

    @property
    def step(self) -> float:
        """By which the load is raised."""
        return 0.1 if self.quick else 0.05

    @property
    def step_seconds(self) -> float:
        """How long each load is held."""
        return 1.5 if self.quick else 3.0


def suite(arguments: argparse.Namespace) -> Suite:
    """What the command line asks for.

    Raises:
        ConfigError: a number is none, or out of bounds, or a network is none of those known.
    """
    from stemd_bench.latency.suite import Latency  # noqa: PLC0415 - only where it is wanted

    return Latency(_options(arguments))


def _options(arguments: argparse.Namespace) -> Options:
    quick = arguments.quick
    seconds = arguments.seconds if arguments.seconds is not None else 3.0 if quick else 10.0
    if not 1 <= seconds <= _MOST_SECONDS:
        raise ConfigError(f"--seconds takes 1 to {_MOST_SECONDS}")
    plans = tuple(dict.fromkeys(filter(None, (arguments.plan or "").split(","))))
    words = (arguments.streams or ("2" if quick else "2,4,8")).split(",")
    if not all(word.isdecimal() and 0 < int(word) <= _MOST_STREAMS for word in words):
        raise ConfigError(f"--streams takes numbers from 1 to {_MOST_STREAMS}, with a comma between")
    names = dict.fromkeys((arguments.network or ",".join(NETWORKS)).split(","))
    if not names.keys() <= NETWORKS.keys():
        raise ConfigError(f"--network takes {', '.join(NETWORKS)}, with a comma between")
    return Options(
        quick=quick,
        seconds=seconds,
        plans=plans or (_QUICK_PLANS if quick else PLANS),
        streams=tuple(sorted({int(word) for word in words})),
        networks=tuple(NARROW if quick and name == "htdemucs" else NETWORKS[name] for name in names),
    )
