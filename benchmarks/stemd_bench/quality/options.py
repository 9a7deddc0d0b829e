"""What can be asked of `stemd bench quality`."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemd.errors import ConfigError
from stemd_bench.quality.songs import SONGS, Scored, song_folders
from stemd_bench.suite import Suite

PLANS: Final = ("studio", "live", "fast", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Scored):
    """As on the command line; see Scored for the rest.

    Attributes:
        model: by name; None: the shipped one.
        plans: by name, through which songs are streamed.
    """

    model: str | None = None
    plans: tuple[str, ...] = PLANS


def suite(arguments: argparse.Namespace) -> Suite:
    """What the command line asks for.

    Raises:
        ConfigError: a folder is not there or holds no songs, or no plan is named.
        ModelLoadError: there is no such model.
    """
    options = _options(arguments)
    if arguments.choices:
        from stemd_bench.quality.choices import Choices  # noqa: PLC0415 - one of three

        return Choices(options)
    if arguments.curve:
        from stemd_bench.quality.curve import Curve  # noqa: PLC0415

        return Curve(options)
    from stemd_bench.quality.suite import Quality  # noqa: PLC0415

    return Quality(options)


def _options(arguments: argparse.Namespace) -> Options:
    songs = Path(arguments.songs) if arguments.songs else SONGS
    if arguments.songs and not song_folders(songs):
        raise ConfigError(
            f"--songs {songs}: no folder with a mixture.flac or .wav there; name a folder of such folders"
        )
    plans = tuple(dict.fromkeys(filter(None, arguments.plan.split(","))))
    if not plans:
        raise ConfigError(f"--plan names no plan; give some of {', '.join(PLANS)}, with a comma between")
    return Options(quick=arguments.quick, model=arguments.model, plans=plans, songs=songs)
