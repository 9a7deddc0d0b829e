"""What window plans make of songs whose true stems are known, computed offline: to the bit what streams give."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from stemd.commands.songs import Song, read_song, score
from stemd.config import Config
from stemd.dsp.plan import WindowPlan
from stemd.errors import ConfigError
from stemd.separation.engines import engine_named
from stemd.separation.engines.engine import EngineOptions, Network
from stemd.separation.specialist import Specialist, specialist
from stemd.separation.store import Model, find
from stemd_bench.results import Skipped

Around = Callable[[Network], Network]
STUDIO: Final = "studio"


def no_change(network: Network) -> Network:
    """The network itself."""
    return network


@dataclass(frozen=True)
class Judge:
    """Scores plans of a model.

    Args:
        folders: of the songs.
        seconds: how much of each is scored.
        name: of the model; None: the default one.
        spin: whether idle threads wait actively: faster on a quiet machine, but not what the daemon does.
    """

    folders: Sequence[Path]
    seconds: float
    name: str | None = None
    spin: bool = False

    @cached_property
    def model(self) -> Model:
        """The model."""
        return find(self.name or Config().models.default)

    @cached_property
    def options(self) -> EngineOptions:
        """How it runs: on every core."""
        return replace(EngineOptions.configured(Config().engine), threads=cores(), spin=self.spin)

    @cached_property
    def songs(self) -> list[Song]:
        """The songs, as much as is scored, but for those whose stems are silent there."""
        songs = (read_song(folder, self.model.manifest.stems).first(self.seconds) for folder in self.folders)
        return [song for song in songs if song.audible]

    @property
    def skipped(self) -> list[Skipped]:
        """The other songs."""
        heard = {song.name for song in self.songs}
        return [self.silent(folder.name) for folder in self.folders if folder.name not in heard]

    def silent(self, song: str) -> Skipped:
        """Why a song is left out that has no stem to be heard."""
        return Skipped(song, f"its true stems are silent in the first {self.seconds:g} s")

    @cached_property
    def studio(self) -> Mapping[str, float]:
        """The scores of the plan that the others are measured against."""
        return self.scores(self.model.manifest.studio.window())

    @cached_property
    def _networks(self) -> list[Network]:
        entries, manifest = self.model.manifest.specialists, self.model.manifest
        engine = engine_named(self.options.engine_of(manifest.name))
        return [engine.load(self.model.folder / entry.file, self.options) for entry in entries]

    def specialists(self, around: Around = no_change) -> list[Specialist]:
        """The model's specialists, each network with something around it."""
        manifest = self.model.manifest
        pairs = zip(manifest.specialists, self._networks, strict=True)
        return [specialist(manifest, entry, around(network)) for entry, network in pairs]

    def scores(self, plan: WindowPlan, around: Around = no_change) -> Mapping[str, float]:
        """SDR in dB by song, the mean over its stems."""
        specialists = self.specialists(around)
        return {song.name: score(song, self.model, specialists, plan) for song in self.songs}

    def figures(self, plan: WindowPlan, around: Around = no_change) -> dict[str, float]:
        """The scores as measures: the mean, how far that is below studio, and each song's."""
        scores = self.scores(plan, around)
        mean = sum(scores.values()) / len(scores)
        studio = sum(self.studio.values()) / len(scores)
        return {"sdr": mean, "loss": studio - mean, **{song_measure(song): value for song, value in scores.items()}}

    def units(self) -> dict[str, str]:
        """Of the measures."""
        return {"sdr": "dB", "loss": "dB", **{song_measure(folder.name): "dB" for folder in self.folders}}

    def headings(self) -> dict[str, str]:
        """For a table of them."""
        songs = {song_measure(folder.name): f"\n{folder.name}" for folder in self.folders}
        return {"sdr": "SDR\nmean", **songs, "loss": "below\nstudio"}


def song_measure(song: str) -> str:
    """The name of a song's own score among the measures."""
    return f"sdr_{song}"


def on_a_grid(judge: Judge) -> None:
    """Refuse a model whose plans cannot be varied in steps of an STFT.

    Raises:
        ConfigError: its kind is not `mask`.
    """
    if not judge.model.spectral:
        name = judge.model.manifest.name
        raise ConfigError(f"--model {name}: --choices and --curve take models of kind 'mask'; leave them out")


def cores() -> int:
    """Those that this process may use, at most as many as the daemon takes."""
    return Config().engine.thread_count()
