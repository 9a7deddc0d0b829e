"""Clicks: is a stem any rougher where two segments were joined than in between?

The measure is the spectral flux, the sum over frequencies of what has grown from one short spectrum to the next
(S. Dixon, "Onset detection revisited", DAFx 2006), of compressed magnitudes `log(1 + 1000 |X|)`, so
that faint wide-band clicks count beside loud music (M. Mueller, "Fundamentals of Music Processing", 2015, 6.1.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.fft

from stemd.audio import Float32Array
from stemd.dsp.plan import WindowPlan

Float64Array = npt.NDArray[np.float64]

WINDOW: Final = 256  # frames of a spectrum: 6 ms
STEP: Final = 64  # frames between two
_COMPRESSION: Final = 1_000.0  # magnitudes below -60 dB of full scale count as they are
_AROUND: Final = 65_536  # frames in which a join has its neighbourhood, at most: 1.5 s
_AUDIBLE: Final = 0.05  # of the recording's median flux
PLACES: Final = 16  # of each neighbourhood
_DRAWS: Final = 2_000
CERTAINTY: Final = 99.0  # per cent of draws


@dataclass(frozen=True, slots=True, eq=False)
class Roughness:
    """Spectral flux at joins and elsewhere, in multiples of the mean of each join's neighbourhood.

    Attributes:
        joins: (n,)
        elsewhere: (n, PLACES), of the same neighbourhoods.
    """

    joins: Float64Array
    elsewhere: Float64Array


def flux(samples: Float32Array) -> Float64Array:
    """For each place of the grid of STEP frames, the largest spectral flux into a spectrum that touches it.

    Args:
        samples: (channels, frames).

    Returns:
        (places,), place n at frame `n * STEP`; empty where the recording is shorter than a window.
    """
    if samples.shape[1] < WINDOW:
        return np.zeros(0)
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW, axis=1)[:, ::STEP]
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    grown = np.zeros(windows.shape[1])
    for channel in windows:
        magnitude = np.log1p(_COMPRESSION * np.abs(scipy.fft.rfft(channel * shape.astype(np.float32))) / (WINDOW / 2))
        grown[1:] += np.maximum(np.diff(magnitude, axis=0), 0).sum(axis=1)
    touching = WINDOW // STEP
    found: Float64Array = np.lib.stride_tricks.sliding_window_view(np.pad(grown, (touching - 1, 0)), touching).max(
        axis=1
    )
    return found


def joins_of(plan: WindowPlan, frames: int, scale: float = 1.0) -> list[int]:
    """Where a segment's estimate begins to be heard, and where its neighbour's has faded out, in frames.

    Args:
        plan: the window plan.
        frames: of the recording.
        scale: the recording's rate over the model's.
    """
    begins = range(plan.hop, round(frames / scale), plan.hop)
    found = {round(scale * (begin + offset)) for begin in begins for offset in {0, plan.overlap}}
    return sorted(at for at in found if at < frames)


def roughness(samples: Float32Array, joins: Sequence[int], hop: int) -> Roughness:
    """The flux at joins, and at places of their neighbourhoods that no join touches.

    Args:
        samples: of a stem, (channels, frames).
        joins: frames, ascending.
        hop: between joins of a kind, in frames: the neighbourhood is as wide, or _AROUND.
    """
    found = flux(samples)
    at = np.asarray(joins, np.int64) // STEP
    reach = min(hop, _AROUND) // STEP // 2
    at = at[(at >= reach) & (at < len(found) - reach)]
    if not len(at):
        return pooled([])
    places = at[:, np.newaxis] + np.arange(-reach, reach)
    far = _distance(places * STEP, np.asarray(joins, np.int64)) >= WINDOW
    near = np.where(far, found[places], 0.0)
    count, total = far.sum(axis=1), near.sum(axis=1)
    # A join in silence tells nothing.
    told = (count > 1) & (total > _AUDIBLE * np.median(found) * count)
    at, near, far, count, total = (part[told] for part in (at, near, far, count, total))
    chosen = np.take_along_axis(near, _some(far), axis=1)
    # A place is compared with all others, as a join is, so that chance has the same spread.
    others = (total[:, np.newaxis] - chosen) / (count[:, np.newaxis] - 1)
    return Roughness(found[at] * count / total, chosen / np.maximum(others, _AUDIBLE * np.median(found)))


def _distance(places: npt.NDArray[np.int64], joins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """From each place to the nearest of the joins, in frames; of the shape of `places`."""
    after = np.searchsorted(joins, places)
    left, right = joins[np.maximum(after - 1, 0)], joins[np.minimum(after, len(joins) - 1)]
    nearest: npt.NDArray[np.int64] = np.minimum(np.abs(places - left), np.abs(places - right))
    return nearest


def _some(among: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Of each row PLACES indices at which it is true, drawn with replacement, the same ones each time."""
    counts = among.sum(axis=1, keepdims=True)
    drawn = (np.random.default_rng(0).random((len(among), PLACES)) * counts).astype(np.int64)
    true_first = np.argsort(~among, axis=1, kind="stable")
    chosen: npt.NDArray[np.int64] = np.take_along_axis(true_first, drawn, axis=1)
    return chosen


def pooled(parts: Sequence[Roughness]) -> Roughness:
    """Of several recordings together."""
    joins = np.concatenate([np.zeros(0), *(part.joins for part in parts)])
    return Roughness(joins, np.concatenate([np.zeros((0, PLACES)), *(part.elsewhere for part in parts)]))


def figures(found: Roughness) -> dict[str, float]:
    """How much rougher joins are: ratios of medians and of 95th percentiles, and what chance alone would give.

    For chance a place elsewhere stands in for each join, drawn anew _DRAWS times (always the same draws).
    """
    if not len(found.joins):
        return {}
    middle = float(np.median(found.elsewhere))
    draws = np.random.default_rng(0).integers(found.elsewhere.shape[1], size=(_DRAWS, len(found.joins)))
    drawn = np.median(found.elsewhere[np.arange(len(found.joins)), draws], axis=1) / middle
    return {
        "click": float(np.median(found.joins)) / middle,
        "click_p95": float(np.percentile(found.joins, 95) / np.percentile(found.elsewhere, 95)),
        "chance": float(np.percentile(drawn, CERTAINTY)),
        "chance_low": float(np.percentile(drawn, 100 - CERTAINTY)),
        "joins": float(len(found.joins)),
    }
