"""One song through one plan, offline or streamed, with everything that is asked of what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from stemd.audio import Float32Array
from stemd.commands.songs import Song
from stemd.dsp.mixing import residual
from stemd.dsp.plan import WindowPlan
from stemd.separation.offline import separate
from stemd.separation.scoring import sdr, si_sdr
from stemd.separation.specialist import Specialist
from stemd.separation.store import Model
from stemd_bench.quality import joins, second_opinion, sums
from stemd_bench.quality.joins import Roughness
from stemd_bench.quality.judge import Judge
from stemd_bench.quality.songs import INSTRUMENTAL, VOCALS
from stemd_bench.quality.streaming import Wanted, Way
from stemd_bench.quality.sums import Sums

MIX = "mix"
_SUMMED = (VOCALS, INSTRUMENTAL, MIX)


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What one song came to.

    Attributes:
        scores: by stem: SDR (`sdr`), scale-invariant (`si_sdr`), and by BSSEval (`bsseval`) where that was asked for.
        differing: samples that are not, to the bit, those of the offline composition; None: not compared.
        sums: in float32 and in 16 bits; None: not streamed, or no vocals.
        roughness: at the joins, of each of the network's stems.
    """

    scores: Mapping[str, Mapping[str, float]]
    differing: int | None = None
    sums: tuple[Sums, Sums] | None = None
    roughness: Mapping[str, Roughness] = field(default_factory=dict)


@dataclass
class Passes:
    """Does passes.

    Args:
        judge: of the model.
        way: to the daemon.
        second: whether BSSEval is asked, too, of streams.
    """

    judge: Judge
    way: Way
    second: bool

    @cached_property
    def specialists(self) -> list[Specialist]:
        """The model's."""
        return self.judge.specialists()

    @property
    def model(self) -> Model:
        """The model."""
        return self.judge.model

    def wanted(self, song: Song) -> tuple[str, ...]:
        """Those of the network's stems whose true ones are known."""
        return tuple(stem for stem in self.model.manifest.stems if stem in song.stems)

    def mixture(self, song: Song) -> Pass:
        """The mixture itself, taken as the estimate of each stem: what separation has to beat."""
        return Pass(self._scores(song, dict.fromkeys(song.stems, song.mixture), second=self.second))

    def offline(self, song: Song, plan: WindowPlan) -> Pass:
        """Without a daemon."""
        return Pass(self._scores(song, self._whole(song, self.estimates(song, plan)), second=True))

    def streamed(self, song: Song, plan: WindowPlan, *, compare: bool) -> Pass:
        """Through the daemon; `compare`: also with the offline composition, sample by sample."""
        stems = self.wanted(song)
        exact: list[Wanted] = [(stem, "f32le") for stem in stems]
        if summed := VOCALS in self.model.manifest.stems:
            exact += [(stem, "f32le") for stem in _SUMMED if (stem, "f32le") not in exact]
        integers: list[Wanted] = [(stem, "s16le") for stem in _SUMMED] if summed else []
        heard = self.way.hear(song.mixture, song.rate, plan, [*exact, *integers])
        found = {stem: heard[stem, fmt] for stem, fmt in exact}
        return Pass(
            self._scores(song, {stem: found[stem] for stem in song.stems}, second=self.second),
            self._differing(song, plan, found) if compare else None,
            (
                sums.in_float(*(found[stem] for stem in _SUMMED)),
                sums.in_integers(*(heard[one] for one in integers)),
            )
            if summed
            else None,
            {stem: self.roughness(found[stem], song.rate, plan) for stem in stems},
        )

    def estimates(self, song: Song, plan: WindowPlan) -> dict[str, Float32Array]:
        """The network's stems that a song has, offline."""
        wanted = [one for one in self.specialists if not set(one.stems).isdisjoint(song.stems)]
        rate = self.model.manifest.sample_rate
        return separate(song.mixture, song.rate, wanted, plan, rate, spectral=self.model.spectral)

    def roughness(self, stem: Float32Array, rate: int, plan: WindowPlan) -> Roughness:
        """Of a stem (channels, frames) at `rate` Hz, at the joins of a plan."""
        scale = rate / self.model.manifest.sample_rate
        at = joins.joins_of(plan, stem.shape[1], scale)
        return joins.roughness(stem, at, round(plan.hop * scale))

    def _whole(self, song: Song, estimates: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        derived = {INSTRUMENTAL: residual(song.mixture, [estimates[VOCALS]])} if INSTRUMENTAL in song.stems else {}
        return {**estimates, **derived}

    def _differing(self, song: Song, plan: WindowPlan, found: Mapping[str, Float32Array]) -> int:
        offline = self._whole(song, self.estimates(song, plan))
        # As integers: 0 and -0 are equal, but not the same bits.
        pairs = [(found[stem].view(np.uint32), offline[stem].view(np.uint32)) for stem in song.stems]
        return sum(int(np.count_nonzero(one != other)) for one, other in pairs)

    def _scores(
        self, song: Song, estimates: Mapping[str, Float32Array], *, second: bool
    ) -> dict[str, dict[str, float]]:
        scores = {
            stem: {"sdr": sdr(true, estimates[stem]), "si_sdr": si_sdr(true, estimates[stem])}
            for stem, true in song.stems.items()
        }
        if second and not second_opinion.missing():
            true = {stem: song.stems[stem] for stem in self._sources(song)}
            for stem, value in second_opinion.bsseval(true, estimates, song.rate).items():
                scores[stem]["bsseval"] = value
        # A stem that is silent throughout has no ratio.
        return {stem: {q: v for q, v in found.items() if np.isfinite(v)} for stem, found in scores.items()}

    def _sources(self, song: Song) -> Sequence[str]:
        """What BSSEval takes the mixture to be made of."""
        found = self.wanted(song)
        return (*found, INSTRUMENTAL) if found == (VOCALS,) and INSTRUMENTAL in song.stems else found
