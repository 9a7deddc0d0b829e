"""The convolutional half of HT-Demucs as ONNX operators: encoders, residual branches, decoders.

Flows are (1, channels, rows, columns); the waveform branch has one row. Norms are over channels and columns, each row
for itself, as the published network takes them.
"""

import numpy as np

from stemd_export.graph import Graph
from stemd_export.htdemucs.weights import Affine, Array, Convolution, Decoder, Encoder, Residual

# onnxruntime's blocked convolutions want inputs in fours.
_BLOCK = 4


def conv(
    g: Graph, x: str, c: Convolution, *, pads: tuple[int, int, int, int] | None = None, derived: bool = False
) -> str:
    """A convolution.

    Args:
        g: the graph.
        x: name of (1, inputs, rows, columns).
        c: the weights.
        pads: top, left, bottom, right, where they are not symmetric.
        derived: whether the kernel was computed here, and so is no checkpoint's.
    """
    kernel = g.floats(c.kernel) if derived else g.weight(c.kernel, "kernel")
    return g.op(
        *("Conv", x, kernel, g.floats(c.bias)),
        kernel_shape=list(c.kernel.shape[2:]),
        strides=list(c.strides),
        pads=list(pads or (*c.pads, *c.pads)),
        dilations=list(c.dilations),
    )


def gated(g: Graph, x: str, c: Convolution, *, derived: bool = False) -> str:
    """glu(conv(x)): two convolutions and no split, so that the sigmoid becomes part of the second."""
    half = len(c.bias) // 2
    value, gate = (
        conv(g, x, Convolution(c.kernel[part], c.bias[part], c.strides, c.pads, c.dilations), derived=derived)
        for part in (slice(half), slice(half, None))
    )
    return g.op("Mul", value, g.op("Sigmoid", gate))


def encode(g: Graph, x: str, encoder: Encoder, columns: int) -> str:
    """One encoder, over `columns` columns; those of the waveform are padded at the end to a multiple of the stride."""
    c = encoder.conv
    short = -columns % c.strides[1]
    pads = (c.pads[0], c.pads[1], c.pads[0], c.pads[1] + short)
    x = g.gelu(conv(g, x, c, pads=pads))
    for residual in encoder.residuals:
        x = _residual(g, x, residual, (columns + short) // c.strides[1])
    return gated(g, x, encoder.rewrite)


def decode(g: Graph, x: str, skip: str, decoder: Decoder, columns: int, *, last: bool) -> str:
    """One decoder; `columns` are those that its encoder saw."""
    x = gated(g, g.op("Add", x, skip), decoder.rewrite)
    for residual in decoder.residuals:
        x = _residual(g, x, residual, -(-columns // decoder.conv.strides[1]))
    x = _spread(g, x, decoder.conv, columns)
    return x if last else g.gelu(x)


def _spread(g: Graph, x: str, c: Convolution, columns: int) -> str:
    """The transposed convolution of a decoder, cropped."""
    rows_apart = c.strides[0] > 1
    x = g.op(
        *("ConvTranspose", x, g.weight(c.kernel, "kernel"), g.floats(c.bias)),
        strides=list(c.strides),
        kernel_shape=list(c.kernel.shape[2:]),
        pads=[c.pads[0], 0, c.pads[0], 0],
    )
    return x if rows_apart else g.slice(x, 3, c.pads[1], c.pads[1] + columns)


def _residual(g: Graph, x: str, r: Residual, columns: int) -> str:
    h = conv(g, x, r.narrow)
    h = g.gelu(normalise(g, h, r.norm1))
    return _widen(g, x, h, _second_norm(g, h, r), r, columns)


def normalise(g: Graph, h: str, norm: Affine) -> str:
    """Over channels and columns, each row for itself."""
    apart = g.op("Sub", h, g.mean(h, 3, then=[1]))
    variance = g.mean(g.square(apart), 3, then=[1])
    scale = g.inverse_root(variance, norm.epsilon)
    scaled = g.op("Mul", apart, g.op("Mul", scale, _channels(g, norm.scale)))
    return g.op("Add", scaled, _channels(g, norm.shift))


def _second_norm(g: Graph, h: str, r: Residual) -> tuple[str, str]:
    """Mean and inverse deviation of widen(h), each row for itself, without computing widen(h).

    With W (wide, narrow), b, h's mean over columns m and its rest d: the mean is that of Wm + b over channels; the
    variance is that of Wm + b over channels and the mean over columns of |Ld|^2, where L'L = W'W / wide.
    """
    kernel = r.widen.kernel[:, :, 0, 0]
    m = g.mean(h, 3)
    rest = g.op("Sub", h, m)
    wide = conv(g, m, r.widen)
    mean = g.mean(wide, 1)
    between = g.mean(g.square(g.op("Sub", wide, mean)), 1)
    values, vectors = np.linalg.eigh(kernel.T @ kernel / len(kernel))
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T * np.sqrt(len(values))
    spread = conv(g, rest, Convolution(root[:, :, None, None], np.zeros(len(root))), derived=True)
    within = g.mean(g.square(spread), 3, then=[1])
    return mean, g.inverse_root(g.op("Add", between, within), r.norm2.epsilon)


def _widen(g: Graph, x: str, h: str, norm: tuple[str, str], r: Residual, columns: int) -> str:
    """Add glu(norm2(widen(h))) to x. The norm is linear in h * scale, scale and -mean * scale: one kernel holds it."""
    kernel, bias = r.widen.kernel[:, :, 0, 0], r.widen.bias
    half = len(r.scale)
    mean, scale = norm
    gain, shift = r.norm2.scale.copy(), r.norm2.shift.copy()
    gain[:half] *= r.scale
    shift[:half] *= r.scale
    scaled = g.op("Mul", h, scale)
    extra = [g.op("Expand", y, g.integers(1, 1, 1, columns)) for y in (scale, g.op("Mul", mean, scale))]
    parts = [gain[:, None] * kernel, (gain * bias)[:, None], -gain[:, None]]
    width = kernel.shape[1] + 2
    missing = -width % _BLOCK if width > 16 else 0
    extra += [extra[0]] * missing
    parts.append(np.zeros((len(gain), missing)))
    joined = g.op("Concat", scaled, *extra, axis=1)
    full = Convolution(np.concatenate(parts, axis=1)[:, :, None, None], shift)
    return g.op("Add", x, gated(g, joined, full, derived=True))


def _channels(g: Graph, value: Array) -> str:
    return g.floats(value[:, None, None])
