"""Separation of a whole recording: the same plans and networks as live, written the direct way.

Segments are cut from the whole array, not from a stream, so that comparing the two means something.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.overlap import OverlapAdd
from stemd.dsp.plan import Span, WindowPlan
from stemd.dsp.resample import Resampler, resampled_length
from stemd.dsp.segmenter import Segment, on_grid
from stemd.separation.assembly import from_stereo, to_stereo
from stemd.separation.specialist import Specialist

Progress = Callable[[int, int], None]


def separate(
    mixture: Float32Array,
    rate: int,
    specialists: Sequence[Specialist],
    plan: WindowPlan,
    model_rate: int,
    *,
    spectral: bool,
    progress: Progress | None = None,
) -> dict[str, Float32Array]:
    """Separate a recording.

    Args:
        mixture: (1 or 2, frames) at `rate` Hz.
        rate: Hz.
        specialists: the networks; each gives its stems.
        plan: the window plan, in frames at `model_rate`.
        model_rate: Hz.
        spectral: whether the networks want spectrograms.
        progress: called with (segments done, segments in all).

    Returns:
        For each stem (channels, frames), as many as the mixture has, at `rate`.
    """
    channels, length = mixture.shape
    if spectral:
        plan = on_grid(plan)
    if length == 0:
        return {stem: np.zeros((channels, 0), np.float32) for s in specialists for stem in s.stems}
    signal = _resampled(to_stereo(mixture), rate, model_rate)
    spans = list(plan.spans(signal.shape[1]))
    joins = [OverlapAdd(plan, len(s.stems) * channels) for s in specialists]
    parts: list[list[Float32Array]] = [[] for _ in specialists]
    for done, segment in enumerate(_segments(signal, spans, plan, spectral=spectral), 1):
        for specialist, join, part in zip(specialists, joins, parts, strict=True):
            estimates = from_stereo(specialist.run(segment), channels)
            part.append(join.push(segment.span, estimates.reshape(-1, segment.span.reach)))
        if progress:
            progress(done, len(spans))
    stems: dict[str, Float32Array] = {}
    for specialist, part in zip(specialists, parts, strict=True):
        whole = _resampled(np.concatenate(part, axis=1), model_rate, rate)[:, :length]
        stems.update(zip(specialist.stems, whole.reshape(len(specialist.stems), channels, -1), strict=True))
    return stems


def _resampled(samples: Float32Array, source: int, target: int) -> Float32Array:
    resampler = Resampler(source, target, samples.shape[0])
    out = np.concatenate([resampler.push(samples), resampler.flush()], axis=1)
    assert out.shape[1] == resampled_length(samples.shape[1], source, target)  # noqa: S101
    return out


def _segments(signal: Float32Array, spans: Sequence[Span], plan: WindowPlan, *, spectral: bool) -> Iterator[Segment]:
    before = plan.segment + stft.WINDOW
    padded = np.pad(signal, ((0, 0), (before, before)))
    for span in spans:
        mixture = padded[:, before + span.start : before + span.start + plan.segment]
        spectrum = None
        if spectral:
            first = span.start - stft.HALF + before
            count = plan.segment // stft.HOP - 1
            spectrum = stft.analyse(padded[:, first : first + (count - 1) * stft.HOP + stft.WINDOW])
        yield Segment(span, np.ascontiguousarray(mixture), spectrum)
