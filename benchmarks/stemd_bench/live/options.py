"""What can be asked of `stemd bench live`."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemd.errors import ConfigError
from stemd_bench.suite import Suite

SONGS: Final = Path("..") / "shared" / "audio"  # from the project's root
RATES: Final = (44_100, 48_000)
_MIXTURES: Final = ("mixture.flac", "mixture.wav")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """As on the command line.

    Attributes:
        quick: a few seconds of everything.
        seconds: how long each stream plays.
        plans: by name.
        rates: of the streams, in Hz.
        songs: a folder of folders with a mixture and its true stems; it need not be there.
        beside: also measure beside a free stream with a slow network.
        plot: where histograms go, as SVG.
    """

    quick: bool = False
    seconds: float = 120.0
    plans: tuple[str, ...] = ("auto", "fast", "live")
    rates: tuple[int, ...] = RATES[:1]
    songs: Path = SONGS
    beside: bool = False
    plot: Path | None = None

    @property
    def song_seconds(self) -> float:
        """How much of each song is scored."""
        return 10.0 if self.quick else 600.0

    def song_folders(self) -> list[Path]:
        """Those that hold a mixture."""
        found = self.songs.iterdir() if self.songs.is_dir() else ()
        return sorted(folder for folder in found if any((folder / name).is_file() for name in _MIXTURES))


def suite(arguments: argparse.Namespace) -> Suite:
    """What the command line asks for.

    Raises:
        ConfigError: a number is too small, a rate is none of those known, or a folder is not there.
    """
    options = _options(arguments)
    if arguments.choices:
        from stemd_bench.live.choices import Choices  # noqa: PLC0415 - one of three

        return Choices(options)
    if arguments.curve:
        from stemd_bench.live.curve import Curve  # noqa: PLC0415

        return Curve(options, Path(arguments.curve))
    from stemd_bench.live.suite import Live  # noqa: PLC0415

    return Live(options)


def _options(arguments: argparse.Namespace) -> Options:
    seconds = arguments.seconds if arguments.seconds is not None else 10.0 if arguments.quick else 120.0
    if seconds < 5:
        raise ConfigError("--seconds takes 5 or more: the first two are not counted")
    rates = tuple(int(rate) for rate in arguments.rate.split(",") if rate.isdecimal())
    if not rates or set(rates) - set(RATES):
        raise ConfigError(f"--rate takes {' and '.join(map(str, RATES))}, with a comma between")
    songs = Path(arguments.songs) if arguments.songs else SONGS
    if arguments.songs and not songs.is_dir():
        raise ConfigError(f"--songs {songs}: no such folder")
    plans = tuple(filter(None, arguments.plan.split(",")))
    return Options(
        quick=arguments.quick,
        seconds=seconds,
        plans=plans,
        rates=rates,
        songs=songs,
        beside=arguments.beside,
        plot=Path(arguments.plot) if arguments.plot else None,
    )
