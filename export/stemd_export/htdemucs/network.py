"""HT-Demucs as ONNX operators between the transforms: a spectrogram and samples in, a spectrogram and samples out."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from stemd.separation.manifest import CHANNELS
from stemd_export.graph import Graph
from stemd_export.htdemucs import convolutions, transformer
from stemd_export.htdemucs.transformer import AttentionKind
from stemd_export.htdemucs.weights import Branch, Convolution, Decoder, Network

# demucs adds it to the standard deviation that it divides by.
_QUIET: Final = 1e-5


def network(
    g: Graph, net: Network, spectrogram: str, mixture: str, wanted: Sequence[int], attention: AttentionKind
) -> tuple[str, str]:
    """Add the network to a graph, for the sources `wanted` (indices into net.sources) and nothing else.

    Args:
        g: the graph that it becomes part of.
        net: the weights.
        spectrogram: name of (1, 4, bins, steps).
        mixture: name of (1, 2, frames).
        wanted: only their channels are computed in the last decoders.
        attention: as one operator (opset 23), or in its parts.

    Returns:
        The names of (1, 4 * wanted, bins, steps) and (1, 2 * wanted, 1, frames): the estimate is the inverse
        transform of the first plus the second.
    """
    x, mean, deviation = _standardise(g, spectrogram, 2 * CHANNELS * net.bins * net.steps)
    # A row of all samples is longer than a float32 sum should be.
    part = _divisor(net.frames)
    parts = g.reshape(mixture, 1, CHANNELS, net.frames // part, part)
    xt, mean_t, deviation_t = _standardise(g, parts, CHANNELS * net.frames)
    xt = g.reshape(xt, 1, CHANNELS, 1, net.frames)
    x, xt, skips, columns = _encode(g, net, x, xt)
    x, xt = _transform(g, net, x, xt, columns.pop(), attention)
    inner = [_only(branch.decoders, len(net.sources), wanted) for branch in (net.spectrogram, net.waveform)]
    for i, (decoder, decoder_t) in enumerate(zip(*inner, strict=True)):
        last = i == len(inner[0]) - 1
        skip, skip_t = skips.pop()
        with g.scope(f"decoder{i}"):
            x = convolutions.decode(g, x, skip, decoder, net.steps, last=last)
            xt = convolutions.decode(g, xt, skip_t, decoder_t, columns.pop(), last=last)
    x = g.op("Add", g.op("Mul", x, deviation), mean)
    xt = g.op("Add", g.op("Mul", xt, deviation_t), mean_t)
    return x, xt


def _encode(g: Graph, net: Network, x: str, xt: str) -> tuple[str, str, list[tuple[str, str]], list[int]]:
    """Both encoders; besides their outputs what skips the transformer, and the waveform's columns at each stage."""
    skips, columns = [], [net.frames]
    for i, (encoder, encoder_t) in enumerate(zip(net.spectrogram.encoders, net.waveform.encoders, strict=True)):
        with g.scope(f"encoder{i}"):
            xt = convolutions.encode(g, xt, encoder_t, columns[-1])
            columns.append(math.ceil(columns[-1] / encoder_t.conv.strides[1]))
            x = convolutions.encode(g, x, encoder, net.steps)
            if i == 0:
                x = g.op("Add", x, g.floats(net.embedding[None, :, :, None]))
            skips.append((x, xt))
    return x, xt, skips, columns


def _transform(g: Graph, net: Network, x: str, xt: str, tokens_t: int, attention: AttentionKind) -> tuple[str, str]:
    """The transformer, on tokens (steps * rows, width) and (columns, width)."""
    tokens = net.steps * net.rows
    channels = net.spectrogram.encoders[-1].conv.kernel.shape[0]
    x = g.reshape(g.transpose(x, 0, 3, 2, 1), tokens, channels)
    xt = g.transpose(g.reshape(xt, channels, tokens_t), 1, 0)
    x, xt = _enter(g, x, net.spectrogram), _enter(g, xt, net.waveform)
    for i, (layer, layer_t) in enumerate(zip(net.spectrogram.layers, net.waveform.layers, strict=True)):
        crossed = layer.norm_context is not None
        kinds = (net.heads, attention)
        with g.scope(f"layer{i}"):
            context, context_t = (xt, x) if crossed else (x, xt)
            sizes = (tokens, tokens_t if crossed else tokens), (tokens_t, tokens if crossed else tokens_t)
            x, xt = (
                transformer.layer(g, x, context, layer, sizes[0], *kinds),
                transformer.layer(g, xt, context_t, layer_t, sizes[1], *kinds),
            )
    if net.spectrogram.down is not None and net.waveform.down is not None:
        x, xt = transformer.linear(g, x, net.spectrogram.down), transformer.linear(g, xt, net.waveform.down)
    x = g.transpose(g.reshape(x, 1, net.steps, net.rows, channels), 0, 3, 2, 1)
    return x, g.reshape(g.transpose(xt, 1, 0), 1, channels, 1, tokens_t)


def _enter(g: Graph, x: str, branch: Branch) -> str:
    if branch.up is not None:
        x = transformer.linear(g, x, branch.up)
    return g.op("Add", transformer.normalise(g, x, branch.norm_in), _positions(g, branch))


def _positions(g: Graph, branch: Branch) -> str:
    """Where each token stands. The parts are spread and joined at load, so that the file holds them once."""
    shape = np.broadcast_shapes(*(part.shape[:2] for part in branch.positions))
    parts = [
        g.op("Expand", g.floats(part), g.integers(*shape, part.shape[2])) if part.shape[:2] != shape else g.floats(part)
        for part in branch.positions
    ]
    joined = g.op("Concat", *parts, axis=2) if len(parts) > 1 else parts[0]
    return g.reshape(joined, -1, sum(part.shape[2] for part in branch.positions))


def _standardise(g: Graph, x: str, count: int) -> tuple[str, str, str]:
    """Take from x (`count` numbers) its mean, divide by its deviation (unbiased, as PyTorch's); return all three."""
    mean = g.mean(x, 3, then=[1, 2])
    apart = g.op("Sub", x, mean)
    variance = g.op("Mul", g.mean(g.square(apart), 3, then=[1, 2]), g.floats(count / (count - 1)))
    deviation = g.op("Sqrt", variance)
    return g.op("Div", apart, g.op("Add", deviation, g.floats(_QUIET))), mean, deviation


def _divisor(count: int) -> int:
    """The largest divisor of `count` that is not above its root."""
    return next(n for n in range(math.isqrt(count), 0, -1) if count % n == 0)


def _only(decoders: Sequence[Decoder], sources: int, wanted: Sequence[int]) -> list[Decoder]:
    """The decoders, the last with the outputs of the wanted sources alone."""
    *inner, last = decoders
    each = last.conv.kernel.shape[1] // sources
    rows = np.concatenate([np.arange(i * each, (i + 1) * each) for i in wanted])
    conv = Convolution(last.conv.kernel[:, rows], last.conv.bias[rows], last.conv.strides, last.conv.pads)
    return [*inner, Decoder(last.rewrite, last.residuals, conv)]
