"""Stride-2 transposed convolutions of 5 by 5 taps, as four plain ones.

Output row o of a transposed convolution sums `input[i] * kernel[k]` over 2i - 1 + k = o (the 1 is TensorFlow's "same"
padding). So even rows o = 2m see taps 3 and 1 on the input rows m - 1 and m, odd ones see taps 4, 2 and 0 on the rows
m - 1, m and m + 1, and columns alike: four convolutions of 2 or 3 by 2 or 3 taps, 25 in all, whose outputs interleave.
The taps are those of the one kernel, picked at load. It is exact but for the order of sums, and faster where plain
convolutions run on blocks of channels, as in onnxruntime; and in time nothing is computed that is thrown away.
"""

from functools import partial
from typing import Final

import numpy as np

from stemd_export.spleeter.builder import Builder
from stemd_export.spleeter.weights import Convolution

# With fewer output channels than a block has, four convolutions would compute mostly blanks.
_FEWEST: Final = 8
# Even and odd rows, even and odd columns, in the order in which DepthToSpace wants them.
_PHASES: Final = ((0, 0), (0, 1), (1, 0), (1, 1))


def twice_as_large(build: Builder, flow: str, conv: Convolution, name: str) -> str:
    """Relu of the transposed convolution, padded with zeros in frequency as "same" does, and in time not at all.

    Args:
        build: takes the nodes.
        flow: (1, inputs, rows, bins): rows p to q of the whole.
        conv: its kernel is (inputs, outputs, 5, 5).
        name: the layer's.

    Returns:
        (1, outputs, 2 * (rows - 2), 2 * bins): the rows 2 * (p + 1) to 2 * (q - 1), which these input rows determine.
    """
    bias = build.bias(conv, name)
    if conv.kernel.shape[1] < _FEWEST:
        kernel = build.kernel(conv.kernel, name, outputs=1)
        # The pads cut the padding of "same" and two rows more at either end.
        whole = build.node("ConvTranspose", [flow, kernel, bias], strides=[2, 2], pads=[3, 1, 4, 2])
        return build.node("Relu", [whole])
    # Plain convolutions have their outputs in the first place.
    plain = np.ascontiguousarray(conv.kernel.swapaxes(0, 1))
    kernels = build.parts(plain, name, 0, [partial(_taps, build, row=row, column=column) for row, column in _PHASES])
    last_out = build.node("Slice", [flow, build.numbers(0), build.numbers(-1), build.numbers(2)])
    phases = []
    for (row, column), taps in zip(_PHASES, kernels, strict=True):
        # Even rows have no tap on the row after theirs, so they do without the last one.
        part = build.node("Conv", [flow if row else last_out, taps, bias], pads=[0, 1, 0, column])
        phases.append(build.node("Relu", [part]))
    return build.node("DepthToSpace", [build.node("Concat", phases, axis=1)], blocksize=2, mode="DCR")


def _taps(build: Builder, kernel: str, *, row: int, column: int) -> str:
    """Every second tap, backwards from 3 or 4 on."""
    first, stop = build.numbers(3 + row, 3 + column), build.numbers(-9, -9)
    return build.widen("Slice", [kernel, first, stop, build.numbers(2, 3), build.numbers(-2, -2)])
