"""`stemd bench quality --choices`: what each choice behind the plan `live` is worth, by taking it back.

Nothing of the package is changed for that: what a choice does is undone around the network (its input is altered, or
more is asked of it), or by another window plan.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.plan import WindowPlan
from stemd.separation.engines.engine import Network, Value
from stemd.separation.specialist import MASK_FRAMES
from stemd.separation.trial import trial
from stemd_bench.quality.judge import STUDIO, Around, Judge, no_change, on_a_grid
from stemd_bench.quality.options import Options
from stemd_bench.results import Conclusion, Skipped, Variant
from stemd_bench.suite import Case, Suite

_TIMED: Final = 20  # runs of a segment
_CROSSFADE: Final = stft.HOP


class Silent:
    """A network that gets silence where the specialist gave it mirrored frames.

    Args:
        network: to be run.
        frames: how many STFT frames a segment has; what follows them was mirrored.
    """

    def __init__(self, network: Network, frames: int) -> None:
        self.engine, self.inputs, self.outputs = network.engine, network.inputs, network.outputs
        self.placement, self.terminate = network.placement, network.terminate
        self._network, self._frames = network, frames

    def run(self, *values: Value) -> list[Float32Array]:
        """See Network."""
        magnitude, *rest = values
        altered = magnitude.copy()
        altered[:, :, self._frames :] = 0
        return self._network.run(altered, *rest)


class Whole:
    """A network that computes the masks of all frames, also where few are wanted."""

    def __init__(self, network: Network) -> None:
        self.engine, self.inputs, self.outputs = network.engine, network.inputs, network.outputs
        self.placement, self.terminate = network.placement, network.terminate
        self._network = network

    def run(self, *values: Value) -> list[Float32Array]:
        """See Network."""
        magnitude, wanted = values
        (masks,) = self._network.run(magnitude, np.array([0, magnitude.shape[2]], np.int64))
        return [masks[..., int(wanted[0]) : int(wanted[1]), :]]


def _joins(live: WindowPlan) -> list[tuple[str, WindowPlan]]:
    """Neighbours joined the other way than in plan `live`, and both ways with the least lookahead; each plan once."""
    spare = live.overlap + live.lookahead
    if live.overlap:
        told = "STFT frames shared out, no crossfade"
        others = [(f"{told}, same latency", replace(live, overlap=0, lookahead=spare))]
        others += [(f"{told}, same lookahead", replace(live, overlap=0))] if live.lookahead >= stft.SPILL else []
    else:
        others = [
            ("neighbours crossfaded, same latency", replace(live, overlap=_CROSSFADE, lookahead=spare - _CROSSFADE)),
            ("neighbours crossfaded, same lookahead", replace(live, overlap=_CROSSFADE)),
        ]
    others += [
        ("the least lookahead", replace(live, overlap=0, lookahead=stft.SPILL)),
        ("the least lookahead, neighbours crossfaded", replace(live, overlap=_CROSSFADE, lookahead=stft.HALF)),
    ]
    first: dict[WindowPlan, str] = {}
    for name, plan in others:
        first.setdefault(plan, name)
    return [(name, plan) for plan, name in first.items() if plan != live]


class Choices(Suite):
    """See Suite.

    Args:
        options: as asked; of these, model, songs and quickness count.

    Raises:
        ConfigError: the model is none of kind `mask`.
    """

    name = "choices"
    repeats = 1
    method: tuple[str, ...] = (
        "SDR of the vocals over a whole song, offline, by the plan `live` of the model with one choice taken "
        "back, against its plan `studio`. latency: hop + overlap + lookahead. segment: median time of one, on every "
        "core, as in the daemon (no spinning).",
    )

    def __init__(self, options: Options) -> None:
        folders = options.song_folders()
        self._judge = Judge(folders, options.song_seconds, options.model)
        on_a_grid(self._judge)
        self.units: Mapping[str, str] = {"window": "ms", "segment": "ms", **self._judge.units()}
        self.headings: Sequence[Mapping[str, str]] = (
            {"window": "latency", "segment": "segment", **self._judge.headings()},
        )
        reason = f"no folder with songs and true stems at {options.songs}; name one with --songs"
        self.skipped: list[Skipped] = [] if folders else [Skipped("SDR", reason)]

    @contextmanager
    def prepared(self, progress: Callable[[str], None]) -> Iterator[None]:
        """See Suite."""
        self.skipped += self._judge.skipped
        if self._judge.songs:
            progress(STUDIO)
            _ = self._judge.studio
        yield

    @property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        rows = self._rows(self._judge.model.manifest.live.window())
        return [
            Case(name, {"segment": plan.segment, "hop": plan.hop}, partial(self._run, plan, around, scored=scored))
            for name, plan, around, scored in rows
        ]

    @staticmethod
    def _rows(live: WindowPlan) -> list[tuple[str, WindowPlan, Around, bool]]:
        """Names, plans, what is put around the network, and whether that can change the SDR."""
        frames = live.segment // stft.HOP - 1
        full = -(-frames // MASK_FRAMES) * MASK_FRAMES
        few = full - MASK_FRAMES // 2 + 8  # 24 frames short of the next multiple

        def with_frames(count: int) -> WindowPlan:
            return replace(live, segment=(count + 1) * stft.HOP)

        def silent(count: int) -> Around:
            return partial(Silent, frames=count)

        return [
            ("live, as shipped", live, no_change, True),
            (f"the next {full - frames} frames silent, not mirrored", live, silent(frames), True),
            ("the next 24 frames silent", with_frames(few), silent(few), True),
            ("the next frame silent", with_frames(full - 1), silent(full - 1), True),
            ("no next frame: the network's own edge", with_frames(full), no_change, True),
            *((name, plan, no_change, True) for name, plan in _joins(live)),
            (f"{MASK_FRAMES * 3 // 2} past frames, not {frames}", with_frames(MASK_FRAMES * 3 // 2), no_change, True),
            ("masks of all frames computed", live, Whole, False),
        ]

    def _run(self, plan: WindowPlan, around: Around, *, scored: bool) -> Mapping[str, float]:
        milliseconds = 1e3 * plan.latency / self._judge.model.manifest.sample_rate
        found = {"window": milliseconds, "segment": self._segment_ms(plan, around)}
        return found | (self._judge.figures(plan, around) if scored and self._judge.songs else {})

    def _segment_ms(self, plan: WindowPlan, around: Around) -> float:
        (specialist, *_), sample = self._judge.specialists(around), trial(plan, spectral=True)
        taken = []
        for _ in range(_TIMED):
            began = time.perf_counter()
            specialist.run(sample)
            taken.append(time.perf_counter() - began)
        return 1e3 * statistics.median(taken[2:])

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:  # noqa: ARG002 - no aims
        """See Suite."""
        return ()
