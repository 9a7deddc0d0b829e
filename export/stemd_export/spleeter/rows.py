"""Which STFT frames each level of the decoders computes, where only the masks of `[first, stop)` are wanted.

Level l of a U-Net has frames / 2**l rows in time. The last convolution reaches 3 rows either way, so level 0 needs
the rows `[first - 3, stop + 3)`. A stride-2 transposed convolution of 5 rows makes its output rows 2m and 2m + 1 of its
input rows m - 1, m and m + 1; so what needs `[p, q)` of one level needs `[p // 2 - 1, (q + 3) // 2)` of the one below.
From level 0 down that is

    p_l = (first - 1) // 2**l - 2        q_l = stop // 2**l + 3.

Where this lies outside of the level there is padding: 3 rows of zeros at level 0, one at the others, and what would lie
further out is not needed. `ConvTranspose` turned into plain convolutions without padding in time (see `transposed`)
makes exactly the rows `[2 * (p_l + 1), 2 * (q_l - 1))` of level l - 1 from these.
So wherever a level's rows come from, one `Pad` cuts them to what is needed or adds the zeros: negative pads cut.
"""

from dataclasses import dataclass

import numpy as np

from stemd_export.spleeter.builder import Builder
from stemd_export.spleeter.weights import DEPTH

_LEVELS = DEPTH + 1
# The axes of a feature map are (1, channels, rows in time, bins); pads name the starts of all, then the ends of all.
_STARTS = np.array([[0, 0, 1, 0, 0, 0, 0, 0]], np.int64)
_ENDS = np.array([[0, 0, 0, 0, 0, 0, 1, 0]], np.int64)


@dataclass(frozen=True, slots=True)
class Rows:
    """The `pads` of the Pad that gives level l its rows, by name."""

    of_encoder: list[str]  # levels 0 to 6, from the encoder's whole output; nothing uses level 0
    of_decoder: list[str]  # levels 0 to 5, from the transposed convolution of the level below


def needed_rows(build: Builder, magnitude: str, wanted: str, channels: int, bins: int) -> Rows:
    """Nodes that compute the pads.

    Args:
        build: takes the nodes.
        magnitude: the graph's input, (1, channels, frames, bins).
        wanted: int64 (2,), first and stop, at least one apart.
        channels: see `magnitude`.
        bins: see `magnitude`.
    """
    halvings = build.numbers(*(2**level for level in range(_LEVELS)))
    # Nothing else would refuse a number of frames that cannot be halved so often.
    deepest = build.node("Reshape", [magnitude, build.numbers(channels, -1, 2**DEPTH * bins)])
    deepest = build.node("Slice", [build.node("Shape", [deepest]), build.numbers(1), build.numbers(2)])
    lengths = build.node("Mul", [deepest, build.numbers(*(2 ** (DEPTH - level) for level in range(_LEVELS)))])
    first, stop = build.split(wanted, 2)
    # Division of what is negative may round either way: both end at the least that is allowed.
    start = build.node("Div", [build.node("Sub", [first, build.numbers(1)]), halvings])
    start = build.node("Sub", [start, build.numbers(2)])
    start = build.node("Max", [start, build.numbers(-3, *[-1] * DEPTH)])
    end = build.node("Add", [build.node("Div", [stop, halvings]), build.numbers(3)])
    end = build.node("Min", [end, build.node("Add", [lengths, build.numbers(3, *[1] * DEPTH)])])
    encoder = _pads(build, build.node("Neg", [start]), build.node("Sub", [end, lengths]), _LEVELS)
    made_from = _doubled(build, "Add", start)
    made_to = _doubled(build, "Sub", end)
    before = build.node("Sub", [made_from, _levels(build, start, 0)])
    after = build.node("Sub", [_levels(build, end, 0), made_to])
    return Rows(encoder, _pads(build, before, after, DEPTH))


def _doubled(build: Builder, inwards: str, rows: str) -> str:
    """Where what level l + 1 makes starts or ends, in rows of level l: 2 * (rows +- 1)."""
    return build.node("Mul", [build.node(inwards, [_levels(build, rows, 1), build.numbers(1)]), build.numbers(2)])


def _levels(build: Builder, rows: str, first: int) -> str:
    return build.node("Slice", [rows, build.numbers(first), build.numbers(first + DEPTH)])


def _pads(build: Builder, before: str, after: str, count: int) -> list[str]:
    column = build.numbers(count, 1)
    starts = build.node("Mul", [build.node("Reshape", [before, column]), build.constant(_STARTS, "starts")])
    ends = build.node("Mul", [build.node("Reshape", [after, column]), build.constant(_ENDS, "ends")])
    return build.split(build.node("Reshape", [build.node("Add", [starts, ends]), build.numbers(-1)]), count)
