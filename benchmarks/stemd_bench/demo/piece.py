"""What the demo plays: the song that is made on the spot, or a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from stemd.audio import MAX_RATE, MIN_RATE, Float32Array
from stemd.commands.separate import read_audio
from stemd.errors import ConfigError
from stemd_bench.song import make_song

SONG_SECONDS: Final = 30.0
MOST_SECONDS: Final = 60.0
_SONG_RATE: Final = 44_100


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A piece of music.

    Attributes:
        title: what it is.
        mixture: (1 or 2, frames).
        rate: frames a second.
        vocals: the true vocals, shaped as the mixture; None where nobody knows them.
        remark: what the listener should know before it plays; may be empty.
    """

    title: str
    mixture: Float32Array
    rate: int
    vocals: Float32Array | None = None
    remark: str = ""

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return int(self.mixture.shape[1]) / self.rate


def made_song(seconds: float = SONG_SECONDS) -> Piece:
    """The demo's own song, of which the true vocals are known."""
    song = make_song(_SONG_RATE, seconds)
    title = f"a song made on the spot ({seconds:.0f} s: drums, bass, chords, a sung voice)"
    return Piece(title, song["mixture"], _SONG_RATE, song["vocals"])


def from_file(path: Path) -> Piece:
    """A file, or its first minute.

    Raises:
        ConfigError: it is not there, no audio, empty, or of a rate that stemd does not take.
    """
    mixture, rate, _ = read_audio(path)
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ConfigError(f"{path}: is at {rate} Hz; stemd takes {MIN_RATE} to {MAX_RATE}")
    if mixture.shape[1] == 0:
        raise ConfigError(f"{path}: holds no sound")
    seconds, most = mixture.shape[1] / rate, round(MOST_SECONDS * rate)
    remark = f"it is {seconds:.0f} s long; the first {MOST_SECONDS:.0f} s are played" if seconds > MOST_SECONDS else ""
    if not np.isfinite(mixture[:, :most]).all():
        raise ConfigError(f"{path}: has samples that are no numbers (NaN or infinity); export it anew")
    return Piece(path.name, np.ascontiguousarray(mixture[:, :most]), rate, remark=remark)
