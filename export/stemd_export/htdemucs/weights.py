"""HT-Demucs as plain arrays: what the graph is built from, read from a PyTorch module of the published architecture.

Time convolutions are read as two-dimensional ones of height 1, so that both branches are built by the same code.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from demucs.transformer import create_2d_sin_embedding, create_sin_embedding

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Affine:
    """Scale and shift of a norm, one number each a channel, and its epsilon."""

    scale: Array
    shift: Array
    epsilon: float


@dataclass(frozen=True, slots=True)
class Convolution:
    """Kernel (outputs, inputs, height, width); transposed ones have (inputs, outputs, ...). Pads are symmetric."""

    kernel: Array
    bias: Array
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int] = (0, 0)
    dilations: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Residual:
    """One layer of a DConv: x + scale * glu(norm2(widen(gelu(norm1(narrow(x))))))."""

    narrow: Convolution
    norm1: Affine
    widen: Convolution
    norm2: Affine
    scale: Array


@dataclass(frozen=True, slots=True)
class Encoder:
    """gelu(conv) -> residuals -> glu(rewrite)."""

    conv: Convolution
    residuals: tuple[Residual, ...]
    rewrite: Convolution


@dataclass(frozen=True, slots=True)
class Decoder:
    """glu(rewrite(x + skip)) -> residuals -> transposed convolution, cropped, and a gelu but in the last."""

    rewrite: Convolution
    residuals: tuple[Residual, ...]
    conv: Convolution


@dataclass(frozen=True, slots=True)
class Linear:
    """(x @ kernel + bias) * scale; kernel (inputs, outputs)."""

    kernel: Array
    bias: Array
    scale: Array | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """Projections of queries, keys, values, and of what comes out."""

    query: Linear
    key: Linear
    value: Linear
    out: Linear


@dataclass(frozen=True, slots=True)
class Layer:
    """A transformer layer, the norm first; `norm_context` is there where it looks at the other branch.

    LayerScale is the scale of `attention.out` and `narrow`. `norm_out` is over all tokens at once.
    """

    attention: Attention
    norm1: Affine
    norm_context: Affine | None
    norm2: Affine
    widen: Linear
    narrow: Linear
    norm_out: Affine


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the two U-nets, with its half of the transformer."""

    encoders: tuple[Encoder, ...]
    decoders: tuple[Decoder, ...]
    up: Linear | None
    down: Linear | None
    norm_in: Affine
    positions: tuple[Array, ...]  # each (tokens or 1, rows or 1, width): joined at the last axis, they tell the place
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """All of one HT-Demucs, for segments of `frames` frames.

    The spectrogram branch sees (4, bins, steps): two channels, real and imaginary part each; its tokens run over
    frequency first, and there are `rows` of them a step. After its first encoder
    `embedding` (channels, bins / 4) is added.
    """

    sources: tuple[str, ...]
    frames: int
    sample_rate: int
    bins: int
    steps: int
    rows: int
    heads: int
    embedding: Array
    spectrogram: Branch
    waveform: Branch


def read(model: Any, frames: int) -> Network:
    """Read a `demucs.htdemucs.HTDemucs` (see `check_supported`) for segments of `frames` frames."""
    hop, depth = model.hop_length, model.depth
    steps, tokens = math.ceil(frames / hop), frames
    for _ in range(depth):
        tokens = math.ceil(tokens / model.stride)
    cross = model.crosstransformer
    width = cross.layers[0].linear1.in_features
    rows = model.nfft // 2 // model.stride**depth
    in_time = create_sin_embedding(tokens, width, max_period=cross.max_period)
    plane: Any = create_2d_sin_embedding  # it has no annotations
    in_plane = plane(width, rows, steps, max_period=cross.max_period)[0].permute(2, 1, 0)
    half = width // 2
    embedding = model.freq_emb_scale * _array(model.freq_emb.weight).T
    weight = cross.weight_pos_embed
    return Network(
        sources=tuple(model.sources),
        frames=frames,
        sample_rate=model.samplerate,
        bins=model.nfft // 2,
        steps=steps,
        rows=rows,
        heads=cross.layers[0].self_attn.num_heads,
        embedding=embedding,
        spectrogram=_branch(
            model, "", (weight * _array(in_plane[:, :1, :half]), weight * _array(in_plane[:1, :, half:]))
        ),
        waveform=_branch(model, "t", (weight * _array(in_time),)),
    )


def _branch(model: Any, mark: str, positions: tuple[Array, ...]) -> Branch:
    suffix = f"_{mark}" if mark else ""
    cross = model.crosstransformer
    pick = {
        name: getattr(model, f"channel_{name}{suffix}") if model.bottom_channels else None
        for name in ("upsampler", "downsampler")
    }
    layers = getattr(cross, f"layers{suffix}")
    return Branch(
        encoders=tuple(_encoder(e) for e in getattr(model, f"{mark}encoder")),
        decoders=tuple(_decoder(d) for d in getattr(model, f"{mark}decoder")),
        up=_pointwise(pick["upsampler"]),
        down=_pointwise(pick["downsampler"]),
        norm_in=_affine(getattr(cross, f"norm_in{suffix}")),
        positions=positions,
        layers=tuple(_layer(layer) for layer in layers),
    )


def _encoder(layer: Any) -> Encoder:
    return Encoder(_convolution(layer.conv), _residuals(layer.dconv), _convolution(layer.rewrite))


def _decoder(layer: Any) -> Decoder:
    conv = _convolution(layer.conv_tr)
    pads = (layer.pad, 0) if layer.freq else (0, layer.pad)
    return Decoder(
        _convolution(layer.rewrite), _residuals(layer.dconv), Convolution(conv.kernel, conv.bias, conv.strides, pads)
    )


def _residuals(dconv: Any) -> tuple[Residual, ...]:
    out = []
    for narrow, norm1, _gelu, widen, norm2, _glu, scale in dconv.layers if dconv is not None else ():
        out.append(
            Residual(_convolution(narrow), _affine(norm1), _convolution(widen), _affine(norm2), _array(scale.scale))
        )
    return tuple(out)


def _layer(layer: Any) -> Layer:
    crossed = hasattr(layer, "cross_attn")
    attention = _attention(layer.cross_attn if crossed else layer.self_attn, _array(layer.gamma_1.scale))
    return Layer(
        attention=attention,
        norm1=_affine(layer.norm1),
        norm_context=_affine(layer.norm2) if crossed else None,
        norm2=_affine(layer.norm3 if crossed else layer.norm2),
        widen=_linear(layer.linear1),
        narrow=_scaled(_linear(layer.linear2), _array(layer.gamma_2.scale)),
        norm_out=_affine(layer.norm_out),
    )


def _attention(module: Any, scale: Array) -> Attention:
    kernels = np.split(_array(module.in_proj_weight), 3)
    biases = np.split(_array(module.in_proj_bias), 3)
    query, key, value = (Linear(kernel.T, bias) for kernel, bias in zip(kernels, biases, strict=True))
    return Attention(query, key, value, _scaled(_linear(module.out_proj), scale))


def _scaled(linear: Linear, scale: Array) -> Linear:
    return Linear(linear.kernel, linear.bias, scale)


def _linear(module: Any) -> Linear:
    return Linear(_array(module.weight).T, _array(module.bias))


def _pointwise(module: Any) -> Linear | None:
    return None if module is None else Linear(_array(module.weight)[:, :, 0].T, _array(module.bias))


def _affine(module: Any) -> Affine:
    return Affine(_array(module.weight), _array(module.bias), float(module.eps))


def _convolution(module: Any) -> Convolution:
    kernel = _array(module.weight)
    if kernel.ndim == 3:
        kernel = kernel[:, :, np.newaxis]
    return Convolution(
        kernel,
        _array(module.bias),
        _pair(module.stride, 1),
        _pair(module.padding, 0),
        _pair(module.dilation, 1),
    )


def _pair(values: Sequence[int], first: int) -> tuple[int, int]:
    height, width = values if len(values) == 2 else (first, *values)
    return int(height), int(width)


def _array(tensor: Any) -> Array:
    array: Array = tensor.detach().double().cpu().numpy()
    return array
