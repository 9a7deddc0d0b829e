"""A segment to time networks with."""

import numpy as np

from stemd.dsp import stft
from stemd.dsp.plan import Span, WindowPlan
from stemd.dsp.segmenter import Segment, on_grid
from stemd.separation.manifest import CHANNELS


def trial(plan: WindowPlan, *, spectral: bool) -> Segment:
    """Quiet noise as a segment of a stream with this plan, from its middle; with a spectrum if `spectral`."""
    if spectral:
        plan = on_grid(plan)
    mixture = np.random.default_rng(0).normal(0, 0.05, (CHANNELS, plan.segment)).astype(np.float32)
    span = Span(1, 0, plan.span(1).trusted, plan.spill or None)
    spectrum = stft.analyse(np.pad(mixture, ((0, 0), (stft.HALF, 0))))[:, :, : stft.KEPT] if spectral else None
    lead = np.zeros((CHANNELS, stft.HALF), np.float32) if spectral else None
    return Segment(span, mixture, spectrum, lead)
