"""The transformer half of HT-Demucs as ONNX operators. Flows are (tokens, width), without a batch axis."""

import math
from typing import Literal, TypeAlias

import numpy as np

from stemd_export.graph import Graph
from stemd_export.htdemucs.weights import Affine, Attention, Layer, Linear

AttentionKind: TypeAlias = Literal["fused", "plain"]
# All queries of the published network at once would take 231 MB for their weights, twice over.
QUERIES_AT_ONCE = 384


def linear(g: Graph, x: str, layer: Linear) -> str:
    """(x @ kernel + bias) * scale, one operator."""
    bias = layer.bias if layer.scale is None else layer.bias * layer.scale
    return g.op("Gemm", x, g.weight(layer.kernel, "kernel", scale=layer.scale, small=True), g.floats(bias))


def normalise(g: Graph, x: str, norm: Affine) -> str:
    """Over each token's width."""
    scale, shift = g.floats(norm.scale), g.floats(norm.shift)
    return g.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=norm.epsilon)


def layer(
    g: Graph, x: str, context: str, weights: Layer, tokens: tuple[int, int], heads: int, kind: AttentionKind
) -> str:
    """One layer. `context` is x itself, or the other branch's tokens; `tokens` says how many x and context are."""
    own = normalise(g, x, weights.norm1)
    other = own if weights.norm_context is None else normalise(g, context, weights.norm_context)
    x = g.op("Add", x, attention(g, own, other, weights.attention, tokens, heads, kind))
    hidden = g.gelu(linear(g, normalise(g, x, weights.norm2), weights.widen))
    x = g.op("Add", x, linear(g, hidden, weights.narrow))
    return _normalise_all(g, x, weights.norm_out)


def _normalise_all(g: Graph, x: str, norm: Affine) -> str:
    """Over all tokens and their width at once, in two stages (see Graph.mean)."""
    apart = g.op("Sub", x, g.mean(x, 1, then=[0]))
    variance = g.mean(g.square(apart), 1, then=[0])
    scale = g.inverse_root(variance, norm.epsilon)
    return g.op("Add", g.op("Mul", apart, g.op("Mul", scale, g.floats(norm.scale))), g.floats(norm.shift))


def attention(
    g: Graph, x: str, context: str, a: Attention, tokens: tuple[int, int], heads: int, kind: AttentionKind
) -> str:
    """softmax(q k' / sqrt(width / heads)) v of every head, projected; `tokens` of x and of the context."""
    width = len(a.out.bias)
    each = width // heads
    # Attention in its parts has its scale in the queries' projection.
    scaled = a.query if kind == "fused" else Linear(a.query.kernel, a.query.bias, np.full(width, each**-0.5))
    q, k, v = linear(g, x, scaled), linear(g, context, a.key), linear(g, context, a.value)
    q = g.transpose(g.reshape(q, 1, tokens[0], heads, each), 0, 2, 1, 3)
    k = g.transpose(g.reshape(k, 1, tokens[1], heads, each), *((0, 2, 1, 3) if kind == "fused" else (0, 2, 3, 1)))
    v = g.transpose(g.reshape(v, 1, tokens[1], heads, each), 0, 2, 1, 3)
    y = _in_blocks(g, q, k, v, tokens[0], kind)
    return linear(g, g.reshape(g.transpose(y, 0, 2, 1, 3), tokens[0], width), a.out)


def _in_blocks(g: Graph, q: str, k: str, v: str, tokens: int, kind: AttentionKind) -> str:
    """Attention for queries (1, heads, tokens, each), a block of them at a time."""
    size = math.ceil(tokens / math.ceil(tokens / QUERIES_AT_ONCE))
    starts = range(0, tokens, size)
    blocks = [g.slice(q, 2, start, min(start + size, tokens)) for start in starts] if len(starts) > 1 else [q]
    if kind == "fused":
        done = [g.op("Attention", block, k, v) for block in blocks]
    else:
        done = [g.op("MatMul", g.op("Softmax", g.op("MatMul", block, k), axis=-1), v) for block in blocks]
    return g.op("Concat", *done, axis=2) if len(done) > 1 else done[0]
