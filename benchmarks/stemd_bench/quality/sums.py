"""The sum law: vocals and instrumental, as they arrive, add up to the mixture, sample by sample."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from stemd.audio import Float32Array, Int16Array

_LEAST: Final = 2.0**-127


@dataclass(frozen=True, slots=True)
class Sums:
    """What was counted.

    Attributes:
        samples: of all channels.
        over: those at which the law is broken.
        saturated: in 16 bits, those at which the instrumental does not fit, which the law leaves out.
        worst: largest difference from the mixture: in float32 over the bound (1 is just allowed), in 16 bits in steps.
    """

    samples: int = 0
    over: int = 0
    saturated: int = 0
    worst: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.samples + other.samples,
            self.over + other.over,
            self.saturated + other.saturated,
            max(self.worst, other.worst),
        )


def in_float(vocals: Float32Array, instrumental: Float32Array, mix: Float32Array) -> Sums:
    """`|(v + i) - mix| <= 2**-23 * max(|v|, |mix|)`: one rounding; all (channels, frames)."""
    v, m = vocals.astype(np.float64), mix.astype(np.float64)
    difference = np.abs(v + instrumental - m)
    # Below _LEAST the bound is less than any difference that float32 can have: then there must be none.
    bound = 2.0**-23 * np.maximum(np.maximum(np.abs(v), np.abs(m)), _LEAST)
    # What is no number breaks the law too.
    return Sums(v.size, int((~(difference <= bound)).sum()), 0, float((difference / bound).max(initial=0.0)))


def in_integers(vocals: Int16Array, instrumental: Int16Array, mix: Int16Array) -> Sums:
    """`v + i == mix`, exactly, but where the instrumental is as far as 16 bits go; all (channels, frames)."""
    wanted = mix.astype(np.int32) - vocals
    kept = np.clip(wanted, -32_768, 32_767)
    difference = np.abs(kept - instrumental)
    saturated = int((kept != wanted).sum())
    return Sums(wanted.size, int((difference > 0).sum()), saturated, float(difference.max(initial=0)))
