"""Songs whose true stems are known, and what a window plan makes of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from stemd.audio import Float32Array
from stemd.commands.separate import read_audio
from stemd.dsp.plan import WindowPlan
from stemd.errors import ConfigError
from stemd.separation.offline import separate
from stemd.separation.scoring import sdr
from stemd.separation.specialist import Specialist
from stemd.separation.store import Model

MIXTURE: Final = "mixture"
_SUFFIXES: Final = (".flac", ".wav", ".ogg", ".mp3")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Song:
    """A song: `mixture` (channels, frames) at `rate` Hz, and those of its true `stems` that a model gives."""

    name: str
    mixture: Float32Array
    rate: int
    stems: Mapping[str, Float32Array]

    @property
    def audible(self) -> Mapping[str, Float32Array]:
        """Those of the stems that have an SDR: a silent one has none, whatever the estimate."""
        return {name: stem for name, stem in self.stems.items() if np.any(stem)}

    def first(self, seconds: float) -> "Song":
        """Its beginning."""
        frames = round(seconds * self.rate)
        stems = {name: stem[:, :frames] for name, stem in self.stems.items()}
        return Song(self.name, np.ascontiguousarray(self.mixture[:, :frames]), self.rate, stems)


def read_song(folder: Path, stems: Sequence[str]) -> Song:
    """The song in a folder of files named `mixture` and after its stems (FLAC, WAV, OGG or MP3).

    Raises:
        ConfigError: there is no mixture, or none of `stems`, or they differ in rate, channels or length.
    """
    file = _file(folder, MIXTURE)
    if file is None:
        raise ConfigError(f"{folder}: holds no mixture.flac or .wav; name a folder with a mixture and its true stems")
    mixture, rate, _ = read_audio(file)
    found: dict[str, Float32Array] = {}
    for stem in stems:
        if source := _file(folder, stem):
            samples, its_rate, _ = read_audio(source)
            if (samples.shape, its_rate) != (mixture.shape, rate):
                raise ConfigError(f"{source}: differs from the mixture in rate, channels or length")
            found[stem] = samples
    if not found:
        raise ConfigError(f"{folder}: holds none of the stems that the model gives: {', '.join(stems)}")
    return Song(folder.name, mixture, rate, found)


def score(
    song: Song, model: Model, specialists: Sequence[Specialist], plan: WindowPlan, progress: Progress | None = None
) -> float:
    """SDR of what a plan makes of a song, in dB: the mean over its stems, less those that are silent.

    Raises:
        ConfigError: all of them are.
    """
    if not song.audible:
        raise ConfigError(f"{song.name}: its true stems are silent, so there is no SDR; name another song")
    wanted = [one for one in specialists if not set(one.stems).isdisjoint(song.stems)]
    rate = model.manifest.sample_rate
    found = separate(song.mixture, song.rate, wanted, plan, rate, spectral=model.spectral, progress=progress)
    return float(np.mean([sdr(true, found[stem]) for stem, true in song.audible.items()]))


def _file(folder: Path, name: str) -> Path | None:
    return next((path for suffix in _SUFFIXES if (path := folder / f"{name}{suffix}").is_file()), None)
