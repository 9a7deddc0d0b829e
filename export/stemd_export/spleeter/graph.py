"""Spleeter's 2-stem model as one ONNX graph: `magnitude` and `wanted` in, the vocals' `mask` out.

`magnitude` is float32 (1, 2, frames, 1024): two channels, STFT frames in multiples of 64 (six halvings), the lowest
1024 bins of an unnormalised 4096-point STFT with a periodic Hann window every 1024 samples. `wanted` is int64 (2,):
the first STFT frame whose mask is wanted and the one after the last; `mask` is float32 (1, 2, stop - first, 1024).
Two U-Nets of one shape each estimate their own part, v and a, as a fraction of the magnitude; the mask is Spleeter's
ratio of the two, (v^2 + e/2) / (v^2 + a^2 + e). Its product with the mixture is left to the caller, who has the complex
spectrum.

The encoders see all frames, as each frame's mask hangs on about 250 around it; the decoders compute only the rows that
reach the wanted ones (see `rows`), which is exact and, for a few frames, nearly nothing.
Norms before a convolution stay as they are: folding them into it is not exact at the padded edges (a shift before a
padded convolution is no bias). In the encoders they are convolutions of one tap, which runtimes fuse with what follows.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from stemd_export.spleeter.builder import Builder
from stemd_export.spleeter.rows import Rows, needed_rows
from stemd_export.spleeter.transposed import twice_as_large
from stemd_export.spleeter.weights import CHANNELS, DEPTH, BatchNorm, UNet, Weights

BINS: Final = 1024
FRAMES_MULTIPLE: Final = 2**DEPTH
OPSET: Final = 17
# The oldest format that holds opset 17, so that older runtimes read the file too.
IR_VERSION: Final = 8
EPSILON: Final = 1e-3
# Spleeter adds it to squared magnitudes; here the magnitude is cancelled, so silence has a mask like any other level.
RATIO_EPSILON: Final = 1e-10
SLOPE: Final = 0.2
# TensorFlow's "same" padding of an even length by kernel 5 and stride 2 puts the odd one at the end.
_SAME_5_2: Final = [1, 1, 2, 2]


def mask_graph(vocals: UNet, accompaniment: UNet, *, small: bool, doc: str = "") -> bytes:
    """Both networks as one serialised ONNX model; the same weights give the same bytes.

    Args:
        vocals: the network whose part is wanted.
        accompaniment: the network of everything else.
        small: store kernels of `BYTES_FROM` numbers and more in 8 bits (see `rounding`) and those of `HALF_FROM`
            and more as float16, to be widened once, at load; the arithmetic is float32 either way.
        doc: the model's doc string.

    Raises:
        onnx.checker.ValidationError: the graph is not valid.
    """
    build = Builder(small)
    rows = needed_rows(build, "magnitude", "wanted", CHANNELS[0], BINS)
    powers = [_power(build, net, name, rows) for name, net in (("vocals", vocals), ("accomp", accompaniment))]
    build.node("Div", [powers[0], build.node("Add", powers)], output="mask")
    graph = helper.make_graph(
        build.widening + build.nodes,
        "spleeter_2stems",
        [
            helper.make_tensor_value_info("magnitude", TensorProto.FLOAT, [1, 2, "frames", BINS]),
            helper.make_tensor_value_info("wanted", TensorProto.INT64, [2]),
        ],
        [helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 2, "wanted frames", BINS])],
        build.constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, producer_name="stemd export", doc_string=doc)
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def all_frames(magnitude: Weights) -> npt.NDArray[np.int64]:
    """What `wanted` is where every frame's mask is."""
    return np.array([0, magnitude.shape[2]], np.int64)


def _power(build: Builder, net: UNet, name: str, rows: Rows) -> str:
    """The square of a network's estimate, as a fraction of the magnitude's, and half of the epsilon."""
    fraction = build.node("Sigmoid", [_up(build, net, name, rows, _down(build, net, name))])
    half_epsilon = build.constant(np.array(RATIO_EPSILON / 2, np.float32), "half_epsilon")
    return build.node("Add", [build.node("Mul", [fraction, fraction]), half_epsilon])


def _down(build: Builder, net: UNet, name: str) -> list[str]:
    """The encoder; returns the name of each convolution's output, which skips its norm."""
    skips: list[str] = []
    flow = "magnitude"
    for i, conv in enumerate(net.down):
        layer = f"{name}.down{i + 1}"
        flow = build.conv(flow, conv, layer, strides=[2, 2], pads=_SAME_5_2)
        skips.append(flow)
        if i < len(net.down_norms):
            flow = build.node("LeakyRelu", [_scaled(build, flow, net.down_norms[i], layer)], alpha=SLOPE)
    return skips


def _up(build: Builder, net: UNet, name: str, rows: Rows, skips: list[str]) -> str:
    """The decoder; returns the logits of the network's own fraction, of the wanted frames alone."""
    flow = build.node("Pad", [skips[-1], rows.of_encoder[DEPTH]])
    for i, (conv, norm) in enumerate(zip(net.up, net.up_norms, strict=True)):
        layer, level = f"{name}.up{i + 1}", DEPTH - 1 - i
        flow = _normed(build, twice_as_large(build, flow, conv, layer), norm, layer)
        flow = build.node("Pad", [flow, rows.of_decoder[level]])
        if level > 0:
            skip = build.node("Pad", [skips[level - 1], rows.of_encoder[level]])
            flow = build.node("Concat", [skip, flow], axis=1)
    # "Same" padding of 4 taps that are 2 apart, in frequency; in time the rows have theirs.
    return build.conv(flow, net.mask, f"{name}.mask", dilations=[2, 2], pads=[0, 3, 0, 3])


def _scaled(build: Builder, flow: str, norm: BatchNorm, name: str) -> str:
    """A norm as a convolution of one tap for each channel."""
    gain = norm.gamma / np.sqrt(norm.variance.astype(np.float64) + EPSILON)
    shift = norm.beta - norm.mean * gain
    kernel = build.constant(gain.astype(np.float32).reshape(-1, 1, 1, 1), f"{name}.gain")
    return build.node(
        "Conv", [flow, kernel, build.constant(shift.astype(np.float32), f"{name}.shift")], group=gain.size
    )


def _normed(build: Builder, flow: str, norm: BatchNorm, name: str) -> str:
    parts = [("gamma", norm.gamma), ("beta", norm.beta), ("mean", norm.mean), ("variance", norm.variance)]
    constants = [build.constant(value, f"{name}.norm.{key}") for key, value in parts]
    return build.node("BatchNormalization", [flow, *constants], epsilon=EPSILON)
