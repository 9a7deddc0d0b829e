"""The songs that are scored: folders with a mixture and its true stems, or a song made up on the spot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from stemd.audio import Float32Array
from stemd.commands.songs import Song, read_song
from stemd.dsp.mixing import residual
from stemd_bench.song import make_song

SONGS: Final = Path("..") / "shared" / "audio"  # from the project's root
MADE_UP: Final = "made up"
VOCALS: Final = "vocals"
INSTRUMENTAL: Final = "instrumental"
_MIXTURES: Final = ("mixture.flac", "mixture.wav")
_ALSO_INSTRUMENTAL: Final = "accompaniment"
_MADE_UP_RATE: Final = 44_100
_MADE_UP_SECONDS: Final = 30.0


def song_folders(place: Path) -> list[Path]:
    """The folders in `place` that hold a mixture; none where it is not there."""
    found = place.iterdir() if place.is_dir() else ()
    return sorted(folder for folder in found if any((folder / name).is_file() for name in _MIXTURES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What suites that score songs can be asked.

    Attributes:
        quick: the beginning of each song, and less of everything.
        songs: a folder of folders with a mixture and its true stems; it need not be there.
    """

    quick: bool = False
    songs: Path = SONGS

    @property
    def song_seconds(self) -> float:
        """How much of each song is scored."""
        return 10.0 if self.quick else 600.0

    def song_folders(self) -> list[Path]:
        """Those that hold a mixture."""
        return song_folders(self.songs)


@dataclass(frozen=True)
class Shelf:
    """Songs by name, read when they are wanted, the last one kept.

    Args:
        folders: of the songs; none: the made-up song stands in for them.
        seconds: how much of each is taken.
        stems: that the model gives.
    """

    folders: tuple[Path, ...]
    seconds: float
    stems: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Of the songs."""
        return [folder.name for folder in self.folders] or [MADE_UP]

    def song(self, name: str) -> Song:
        """A song, its true stems those that the model gives and, where they follow, `vocals` and `instrumental`.

        Raises:
            ConfigError: the folder holds no song, or none of the model's stems.
        """
        return _song(self, name)


# Songs are long, and all that is asked of one is asked in a row.
@lru_cache(maxsize=1)
def _song(shelf: Shelf, name: str) -> Song:
    wanted = (*shelf.stems, INSTRUMENTAL, _ALSO_INSTRUMENTAL) if VOCALS in shelf.stems else shelf.stems
    folder = next((folder for folder in shelf.folders if folder.name == name), None)
    song = (_made_up(wanted, shelf.seconds) if folder is None else read_song(folder, wanted)).first(shelf.seconds)
    return Song(name, song.mixture, song.rate, _with_the_rest(song.mixture, song.stems, shelf.stems))


def _made_up(wanted: Sequence[str], seconds: float) -> Song:
    stems = make_song(_MADE_UP_RATE, min(seconds, _MADE_UP_SECONDS))
    return Song(MADE_UP, stems["mixture"], _MADE_UP_RATE, {name: stems[name] for name in wanted if name in stems})


def _with_the_rest(
    mixture: Float32Array, found: Mapping[str, Float32Array], given: Sequence[str]
) -> dict[str, Float32Array]:
    """The true stems with what follows from them: of `vocals` and `instrumental` either is the mixture less the other.

    Args:
        mixture: (channels, frames).
        found: true stems, of the same shape.
        given: the stems that the model gives.
    """
    stems = dict(found)
    rest = stems.pop(_ALSO_INSTRUMENTAL, None)
    if VOCALS not in given:
        return stems
    if rest is not None:
        stems.setdefault(INSTRUMENTAL, rest)
    for one, other in ((VOCALS, INSTRUMENTAL), (INSTRUMENTAL, VOCALS)):
        if one not in stems and other in stems:
            stems[one] = residual(mixture, [stems[other]])
    return stems
