"""A segment to time networks with."""

import numpy as np

from stemd.dsp import stft
from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.separation.manifest import CHANNELS


def trial(segment: int, *, spectral: bool) -> Segment:
    """Quiet noise of `segment` frames, all of it but the STFT's edge trusted, with a spectrum if `spectral`."""
    mixture = np.random.default_rng(0).normal(0, 0.05, (CHANNELS, segment)).astype(np.float32)
    if not spectral:
        return Segment(Span(0, 0, slice(0, segment)), mixture, None)
    spectrum = stft.analyse(np.pad(mixture, ((0, 0), (stft.HALF, 0))))
    return Segment(Span(0, 0, slice(0, segment - stft.HALF)), mixture, spectrum)
