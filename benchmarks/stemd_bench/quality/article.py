"""Two ways to join segments that stemd has no plan for: the article's, and none at all, which must click."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segmenter
from stemd.separation.offline import separate
from stemd.separation.specialist import Specialist
from stemd.separation.store import Model
from stemd_bench.network.aggregation import article, join


def whole_segment(model: Model) -> WindowPlan:
    """The plan by which one segment of the plan `studio` is separated as a recording of its own.

    Its hop is how many frames that recording has.
    """
    segment = model.manifest.studio.segment
    if not model.spectral:
        return WindowPlan(segment, segment, 0, 0)
    # On the STFT's grid there is a crossfade, of the least length, which the one segment never comes to.
    return WindowPlan(segment, segment - stft.HOP - stft.HALF, stft.HOP, stft.HALF)


def as_in_the_article(
    mixture: Float32Array, model: Model, specialists: Sequence[Specialist], stems: Sequence[str]
) -> dict[str, Float32Array]:
    """Stems of a recording at the model's rate: segments of the plan `studio`, a quarter apart, Hann-weighted.

    Args:
        mixture: (2, frames).
        model: whose networks run.
        specialists: its own.
        stems: those that are wanted.

    Returns:
        For each stem (2, frames).
    """
    plan, rate = whole_segment(model), model.manifest.sample_rate

    def estimated(stem: str, specialist: Specialist, part: Float32Array) -> Float32Array:
        return separate(part, rate, [specialist], plan, rate, spectral=model.spectral)[stem]

    return {
        stem: join(mixture, article(plan.hop), partial(estimated, stem, one))
        for one in specialists
        for stem in one.stems
        if stem in stems
    }


def unjoined(
    mixture: Float32Array, model: Model, specialists: Sequence[Specialist], stems: Sequence[str]
) -> tuple[dict[str, Float32Array], WindowPlan]:
    """Stems by the plan `live`, with each segment's estimate cut off where the next one's begins.

    Args:
        mixture: (2, frames) at the model's rate.
        model: whose networks run.
        specialists: its own.
        stems: those that are wanted.

    Returns:
        For each stem (2, frames), and the plan.
    """
    plan = model.manifest.live.window()
    if model.spectral and not plan.overlap:
        # Without an overlap neighbours share out STFT frames, which is a join.
        plan = replace(plan, overlap=stft.HOP, lookahead=max(stft.HALF, plan.lookahead - stft.HOP))
    segmenter = Segmenter(plan, mixture.shape[0], spectral=model.spectral)
    segments = [*segmenter.push(mixture), *segmenter.flush()]
    found: dict[str, Float32Array] = {}
    for one in specialists:
        if set(one.stems) & set(stems):
            whole = np.concatenate([one.run(segment)[:, :, : plan.hop] for segment in segments], axis=2)
            found |= {stem: whole[row] for row, stem in enumerate(one.stems) if stem in stems}
    return found, replace(plan, overlap=0)
