"""Two ways of joining the estimates of segments to a whole stem: equal code, another hop and another window."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stemd.audio import Float32Array

Estimate = Callable[[Float32Array], Float32Array]


@dataclass(frozen=True, slots=True, eq=False)
class Joining:
    """How far apart segments start, in frames, and what each frame of an estimate weighs."""

    hop: int
    weight: Float32Array  # (segment,)

    def runs(self, length: int) -> int:
        """How many segments a recording of `length` frames takes."""
        return -(-length // self.hop)


def article(segment: int) -> Joining:
    """The hop a quarter of the segment, Hann-weighted: four estimates of every frame, each network run four times."""
    # Half a frame off, so that no frame weighs nothing.
    phase = (np.arange(segment) + 0.5) / segment
    return Joining(segment // 4, (0.5 - 0.5 * np.cos(2 * np.pi * phase)).astype(np.float32))


def studio(segment: int) -> Joining:
    """The plan `studio`: the hop three quarters, a linear crossfade over the last one."""
    overlap = segment // 4
    ramp = np.arange(1, overlap + 1) / (overlap + 1)
    weight = np.concatenate([ramp, np.ones(segment - 2 * overlap), ramp[::-1]])
    return Joining(segment - overlap, weight.astype(np.float32))


def join(mixture: Float32Array, joining: Joining, estimate: Estimate) -> Float32Array:
    """The weighted mean of all estimates of each frame.

    Args:
        mixture: (channels, frames), frames > 0; zeros follow its end.
        joining: see Joining.
        estimate: from a segment to a stem of the same shape.

    Returns:
        The stem, of the mixture's shape.
    """
    channels, length = mixture.shape
    segment = len(joining.weight)
    padded = np.pad(mixture, ((0, 0), (0, segment)))
    total = np.zeros((channels, length + segment), np.float32)
    weight = np.zeros(length + segment, np.float32)
    for start in range(0, length, joining.hop):
        part = slice(start, start + segment)
        total[:, part] += estimate(np.ascontiguousarray(padded[:, part])) * joining.weight
        weight[part] += joining.weight
    return np.divide(total[:, :length], weight[:length], dtype=np.float32)
