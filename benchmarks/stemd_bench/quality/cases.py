"""The cases of `stemd bench quality`: songs by each plan, and what the passes through the plans came to together."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

import numpy as np

from stemd.audio import Float32Array, Format
from stemd.commands.songs import Song
from stemd.dsp.plan import WindowPlan
from stemd.separation.scoring import sdr
from stemd_bench.quality import article, joins
from stemd_bench.quality.judge import STUDIO
from stemd_bench.quality.levels import LEVELS, Loudness
from stemd_bench.quality.passes import Pass, Passes
from stemd_bench.quality.points import ARTICLE, Point, article_latency
from stemd_bench.quality.songs import VOCALS, Shelf
from stemd_bench.quality.sums import Sums
from stemd_bench.results import Parameter
from stemd_bench.suite import Case, Figures

MIXTURE: Final = "mixture"
OFFLINE: Final = "offline"
STREAMED: Final = "streamed"
CUT_OFF: Final = "cut off"
FORMATS: Final[Mapping[str, Format]] = {"float32": "f32le", "16 bits": "s16le"}
_BELOW_ALL: Final = -70.0  # dBFS: only here a quick run looks at what 16 bits do


@dataclass(eq=False)
class Cases:
    """Builds them. A song goes through a plan once; all cases that ask for it share what came of it.

    Args:
        passes: that do the work.
        shelf: of songs.
        songs: the stems that each has, by its name.
        points: the plans.
        quick: fewer of everything.
    """

    passes: Passes
    shelf: Shelf
    songs: Mapping[str, tuple[str, ...]]
    points: Sequence[Point]
    quick: bool
    _done: dict[tuple[str, str, WindowPlan | None], Pass] = field(default_factory=dict)

    def all(self) -> list[Case]:
        """In the order in which a song need not be read twice."""
        cases = [*self._scores(), *self._sums(), *self._clicks(), *self._curve()]
        return cases + (list(self._levels()) if VOCALS in self._network_stems else [])

    @property
    def streamed(self) -> list[Point]:
        """The plans through which songs are streamed."""
        return [point for point in self.points if point.streamed]

    @property
    def _network_stems(self) -> list[str]:
        """Those that some song has."""
        return [stem for stem in self.shelf.stems if any(stem in stems for stems in self.songs.values())]

    def _pass(self, song: str, way: str, plan: WindowPlan | None = None) -> Pass:
        key = song, way, plan
        if key not in self._done:
            self._done[key] = self._go(self.shelf.song(song), way, plan)
        return self._done[key]

    def _go(self, song: Song, way: str, plan: WindowPlan | None) -> Pass:
        if plan is None:
            return self.passes.mixture(song)
        if way == OFFLINE:
            return self.passes.offline(song, plan)
        first = song.name == next(iter(self.songs))
        return self.passes.streamed(song, plan, compare=first or not self.quick)

    def _scores(self) -> Iterator[Case]:
        studio = self.passes.model.manifest.studio.window()
        ways: list[tuple[str, str, WindowPlan | None]] = [(MIXTURE, "", None), (OFFLINE, STUDIO, studio)]
        ways += [(STREAMED, point.name, point.plan) for point in self.streamed]
        for song, stems in self.songs.items():
            for stem in stems:
                for way, name, plan in ways:
                    parameters: dict[str, Parameter] = {"group": "score", "song": song, "stem": stem}
                    parameters |= {"way": way, "plan": name}
                    title = f"{song}, {stem}: {f'{name}, {way}' if name else way}"
                    yield Case(title, parameters, partial(self._score, song, stem, way, plan))

    def _score(self, song: str, stem: str, way: str, plan: WindowPlan | None) -> Figures:
        found = self._pass(song, way, plan)
        differing = {} if found.differing is None else {"differing": float(found.differing)}
        return {**found.scores[stem], **differing}

    def _sums(self) -> Iterator[Case]:
        if VOCALS not in self.shelf.stems:
            return
        for point in self.streamed:
            for index, name in enumerate(FORMATS):
                parameters: dict[str, Parameter] = {"group": "sum", "plan": point.name, "format": name}
                yield Case(f"sum law: {point.name}, {name}", parameters, partial(self._sum, point.plan, index))

    def _sum(self, plan: WindowPlan, index: int) -> Figures:
        found = [sums[index] for song in self.songs if (sums := self._pass(song, STREAMED, plan).sums)]
        total = sum(found, start=Sums())
        samples = {"samples": float(total.samples), "over": float(total.over), "worst": total.worst}
        return samples | ({"saturated": float(total.saturated)} if index else {})

    def _clicks(self) -> Iterator[Case]:
        for stem in self._network_stems:
            for point in self.streamed:
                parameters: dict[str, Parameter] = {"group": "clicks", "plan": point.name, "stem": stem}
                yield Case(f"clicks: {point.name}, {stem}", parameters, partial(self._click, stem, point.plan))
            parameters = {"group": "clicks", "plan": CUT_OFF, "stem": stem}
            yield Case(f"clicks: {CUT_OFF}, {stem}", parameters, partial(self._control, stem))

    def _click(self, stem: str, plan: WindowPlan) -> Figures:
        found = [self._pass(song, STREAMED, plan).roughness.get(stem) for song in self.songs]
        return joins.figures(joins.pooled([one for one in found if one is not None]))

    def _control(self, stem: str) -> Figures:
        """Of one song: it need not be exact, only plain to see."""
        name = next(name for name, stems in self.songs.items() if stem in stems)
        song = self._at_the_models_rate(name)
        if song is None:
            return {}
        found, plan = article.unjoined(song.mixture, self.passes.model, self.passes.specialists, (stem,))
        return joins.figures(self.passes.roughness(found[stem], song.rate, plan))

    def _curve(self) -> Iterator[Case]:
        model, rate = self.passes.model, self.passes.model.manifest.sample_rate
        for point in self.points:
            parameters: dict[str, Parameter] = {"group": "curve", "plan": point.name, "hop": point.plan.hop}
            parameters |= {"overlap": point.plan.overlap, "lookahead": point.plan.lookahead}
            parameters |= {"declared": int(point.declared)}
            run = partial(self._at, point.figures(rate), partial(self._by_plan, point))
            yield Case(f"curve: {point.name}", parameters, run)
        hop = article.whole_segment(model).hop
        parameters = {"group": "curve", "plan": ARTICLE, "hop": hop // 4, "declared": 0}
        milliseconds = {"latency": article_latency(model, self.points), "window": 1e3 * hop / rate}
        yield Case(f"curve: {ARTICLE}", parameters, partial(self._at, milliseconds, self._by_article))

    def _at(self, milliseconds: Mapping[str, float], score: Callable[[str], float | None]) -> Figures:
        """The mean over songs, and how far it is below what plan studio gives of the same ones."""
        found = {song: value for song in self.songs if (value := score(song)) is not None}
        if not found:
            return {}
        mean = statistics.mean(found.values())
        studio = self.passes.model.manifest.studio.window()
        best = _mean([v for song in found if (v := self._mean(self._pass(song, OFFLINE, studio))) is not None])
        return {**milliseconds, "curve_sdr": mean} | ({} if best is None else {"curve_loss": best - mean})

    def _mean(self, found: Pass) -> float | None:
        """Over the network's stems: what is derived from them says nothing new. None where all are silent."""
        return _mean([s["sdr"] for stem, s in found.scores.items() if stem in self.shelf.stems and "sdr" in s])

    def _by_plan(self, point: Point, song: str) -> float | None:
        # Of plans that nobody streams by no more is asked than this.
        if point.streamed:
            return self._mean(self._pass(song, STREAMED, point.plan))
        if (song, OFFLINE, point.plan) in self._done:
            return self._mean(self._pass(song, OFFLINE, point.plan))
        found = self.shelf.song(song)
        return _mean_sdr(found, self.passes.estimates(found, point.plan))

    def _by_article(self, song: str) -> float | None:
        found = self._at_the_models_rate(song)
        if found is None:
            return None
        stems = self.passes.wanted(found)
        return _mean_sdr(
            found, article.as_in_the_article(found.mixture, self.passes.model, self.passes.specialists, stems)
        )

    def _at_the_models_rate(self, name: str) -> Song | None:
        """A song in stereo at the model's rate, which the ways of joining without a plan take; None for another."""
        song = self.shelf.song(name)
        fits = song.rate == self.passes.model.manifest.sample_rate and song.mixture.shape[0] == 2
        return song if fits else None

    def _levels(self) -> Iterator[Case]:
        songs = [name for name, stems in self.songs.items() if VOCALS in stems]
        for song in songs[: 1 if self.quick else None]:
            for level in LEVELS:
                for name, fmt in FORMATS.items():
                    if self.quick and name != "float32" and level > _BELOW_ALL:
                        continue
                    parameters: dict[str, Parameter] = {"group": "level", "song": song, "level": level, "format": name}
                    title = f"level: {song}, {level:g} dBFS, {name}"
                    yield Case(title, parameters, partial(self._level, song, level, fmt))

    def _level(self, song: str, level: float, fmt: Format) -> Figures:
        found = self._loudness(song)
        return found.figures(level, fmt) if np.any(found.reference) else {}

    @lru_cache(maxsize=1)  # noqa: B019 - as long-lived as the run
    def _loudness(self, name: str) -> Loudness:
        song, plan = self.shelf.song(name), self.passes.model.manifest.live.window()

        def separated(mixture: Float32Array, sent: Format) -> Float32Array:
            heard = self.passes.way.hear(mixture, song.rate, plan, [(VOCALS, "f32le")], sent)
            vocals: Float32Array = heard[VOCALS, "f32le"]
            return vocals

        return Loudness(song.mixture, separated, separated(song.mixture, "f32le"))


def _mean_sdr(song: Song, estimates: Mapping[str, Float32Array]) -> float | None:
    scores = [sdr(true, estimates[stem]) for stem, true in song.stems.items() if stem in estimates]
    return _mean([score for score in scores if np.isfinite(score)])


def _mean(values: Sequence[float]) -> float | None:
    return statistics.mean(values) if values else None
