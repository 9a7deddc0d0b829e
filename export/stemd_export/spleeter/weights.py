"""Spleeter's U-Net as numbers: which tensor of the checkpoint is which layer of which network.

The 2-stem checkpoint holds two networks of the same shape, vocals first. Keras numbers layers of a class as
they are made, the first without a number, so the n-th network's layers follow those of the one before.
Source: spleeter/model/functions/unet.py (Deezer, MIT).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from stemd_export.errors import ExportError
from stemd_export.spleeter.checkpoint import Tensors

Weights = npt.NDArray[np.float32]

DEPTH: Final = 6
CHANNELS: Final = (2, 16, 32, 64, 128, 256, 512)
VOCALS: Final = 0
ACCOMPANIMENT: Final = 1


@dataclass(frozen=True, slots=True)
class Convolution:
    """`kernel` in ONNX's order: (out, in, height, width), transposed ones (in, out, height, width); `bias` (out,)."""

    kernel: Weights
    bias: Weights


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Per-channel statistics and affine, each (channels,); the network was trained with epsilon 0.001."""

    gamma: Weights
    beta: Weights
    mean: Weights
    variance: Weights


@dataclass(frozen=True, slots=True)
class UNet:
    """One network: six strided convolutions down, six transposed ones up, one that makes the mask."""

    down: tuple[Convolution, ...]
    down_norms: tuple[BatchNorm, ...]
    up: tuple[Convolution, ...]
    up_norms: tuple[BatchNorm, ...]
    mask: Convolution


def unet_weights(tensors: Tensors, network: int) -> UNet:
    """Network number `network` of a checkpoint.

    The norm after the deepest convolution exists in the checkpoint but feeds nothing, so it is not taken over.

    Raises:
        ExportError: a tensor is missing or has another shape than the published network.
    """
    down, up, norms = (DEPTH + 1) * network, DEPTH * network, 2 * DEPTH * network
    deep = CHANNELS[::-1]
    return UNet(
        down=tuple(_conv(tensors, down + i, (5, 5, CHANNELS[i], CHANNELS[i + 1])) for i in range(DEPTH)),
        down_norms=tuple(_norm(tensors, norms + i, CHANNELS[i + 1]) for i in range(DEPTH - 1)),
        up=tuple(
            _conv(tensors, up + i, (5, 5, _up_channels(i), deep[i] * (1 if i == 0 else 2)), "conv2d_transpose")
            for i in range(DEPTH)
        ),
        up_norms=tuple(_norm(tensors, norms + DEPTH + i, _up_channels(i)) for i in range(DEPTH)),
        mask=_conv(tensors, down + DEPTH, (4, 4, 1, 2)),
    )


def _up_channels(i: int) -> int:
    return 1 if i == DEPTH - 1 else CHANNELS[DEPTH - 1 - i]


def _conv(tensors: Tensors, number: int, shape: tuple[int, ...], layer: str = "conv2d") -> Convolution:
    name = _numbered(layer, number)
    kernel = _take(tensors, f"{name}/kernel", shape)
    # TensorFlow keeps (height, width, in, out), transposed ones (height, width, out, in): the same move fits both.
    outputs = shape[2] if layer == "conv2d_transpose" else shape[3]
    return Convolution(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), _take(tensors, f"{name}/bias", (outputs,)))


def _norm(tensors: Tensors, number: int, channels: int) -> BatchNorm:
    name = _numbered("batch_normalization", number)
    keys = ("gamma", "beta", "moving_mean", "moving_variance")
    return BatchNorm(*(_take(tensors, f"{name}/{key}", (channels,)) for key in keys))


def _numbered(layer: str, number: int) -> str:
    return layer if number == 0 else f"{layer}_{number}"


def _take(tensors: Tensors, name: str, shape: tuple[int, ...]) -> Weights:
    found = tensors.get(name)
    if found is None or found.shape != shape or found.dtype != np.float32:
        what = "missing" if found is None else f"{found.dtype} {found.shape}"
        raise ExportError(f"the checkpoint's {name!r} is {what}, not float32 {shape}: not Spleeter's 2-stem model")
    return found
