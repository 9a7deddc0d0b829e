"""The export with one of its choices taken back, so that a row can show what the choice gave."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

from stemd_export.graph import Graph
from stemd_export.htdemucs import convolutions
from stemd_export.htdemucs.weights import Convolution, Residual


def _split(g: Graph, x: str, c: Convolution, *, derived: bool = False) -> str:
    """glu(conv(x)) as it is usually written: one convolution, cut in two."""
    half = len(c.bias) // 2
    wide = convolutions.conv(g, x, c, derived=derived)
    value, gate = g.slice(wide, 1, 0, half), g.slice(wide, 1, half, 2 * half)
    return g.op("Mul", value, g.op("Sigmoid", gate))


def _wide(g: Graph, x: str, r: Residual, columns: int) -> str:
    """A residual layer as it is usually written: the second norm on the wide tensor, then the gate, then the scale."""
    del columns
    h = g.gelu(convolutions.normalise(g, convolutions.conv(g, x, r.narrow), r.norm1))
    wide = convolutions.normalise(g, convolutions.conv(g, h, r.widen), r.norm2)
    half = len(r.scale)
    value, gate = g.slice(wide, 1, 0, half), g.slice(wide, 1, half, 2 * half)
    gated = g.op("Mul", value, g.op("Sigmoid", gate))
    return g.op("Add", x, g.op("Mul", gated, g.floats(r.scale[:, None, None])))


def _one_stage(g: Graph, x: str, *axes: int, then: Sequence[int] = ()) -> str:
    """A mean in one go, however many numbers there are."""
    return g.op("ReduceMean", x, g.integers(*sorted({*axes, *then})), keepdims=1)


# What stands where, and what takes its place.
CHOICES: Final[dict[str, tuple[Any, str, Callable[..., str]]]] = {
    "split": (convolutions, "gated", _split),
    "wide": (convolutions, "_residual", _wide),
    "one-stage": (Graph, "mean", _one_stage),
}


@contextmanager
def undone(choice: str) -> Iterator[None]:
    """Within, the export writes graphs without the choice, one of `CHOICES`."""
    with mock.patch.object(*CHOICES[choice]):
        yield
