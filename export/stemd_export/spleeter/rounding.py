"""Kernels in 8 bits, on steps that widen with the square of their number.

A kernel's numbers crowd around zero with a few far out, so that even steps lose 2 to 6 dB more, and clipping the few
gains nothing.
Everything here is rounded once per number and reduced by `max` alone, so that every machine makes the same bytes.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from stemd_export.spleeter.weights import Weights

STEPS: Final = 127
# Kernels smaller than this can afford a scale for each pair of channels, which takes 1 to 2 dB off the error.
PAIRS_BELOW: Final = 300_000


def to_bytes(kernel: Weights, outputs: int) -> tuple[npt.NDArray[np.int8], Weights]:
    """The nearest `q` with `kernel ~ q * |q| * scale`.

    Args:
        kernel: four axes, the last two of them taps.
        outputs: which axis counts the output channels.

    Returns:
        `q` from -127 to 127 in the kernel's shape, and `scale`, which fits it by broadcasting: one number for each
        output channel, or for each pair of channels where the kernel is small.
    """
    shared = (2, 3) if kernel.size < PAIRS_BELOW else tuple(axis for axis in range(4) if axis != outputs)
    scale = np.abs(kernel).max(axis=shared, keepdims=True) / np.float32(STEPS**2)
    squares = np.divide(np.abs(kernel), scale, out=np.zeros_like(kernel), where=scale > 0)
    # Half-way between q^2 and (q + 1)^2 lies (q + 1/2)^2 + 1/4.
    steps = np.rint(np.sqrt(np.maximum(squares - np.float32(0.25), 0)))
    return np.copysign(np.minimum(steps, STEPS), kernel).astype(np.int8), scale
