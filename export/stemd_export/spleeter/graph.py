"""Spleeter's U-Net as an ONNX graph: `magnitude` in, `mask` out.

Both are float32 (1, 2, frames, 1024): two channels, STFT frames in multiples of 64 (six halvings), the lowest
1024 bins of an unnormalised 4096-point STFT with a periodic Hann window every 1024 samples. Spleeter's own
output is mask * magnitude; the product is left to the caller, who has the complex spectrum.
Batch norms stay as they are: folding them into what follows is not exact at the padded edges (a shift before a
padded convolution is no bias), and onnxruntime gained nothing from it.
"""

from typing import Final, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stemd_export.spleeter.weights import DEPTH, BatchNorm, Convolution, UNet, Weights

Attribute: TypeAlias = int | float | list[int]

BINS: Final = 1024
FRAMES_MULTIPLE: Final = 2**DEPTH
OPSET: Final = 17
# The oldest format that holds opset 17, so that older runtimes read the file too.
IR_VERSION: Final = 8
# The small outer kernels are 1 % of the numbers, but most of the rounding error (13 dB of it on music).
HALF_FROM: Final = 100_000
EPSILON: Final = 1e-3
SLOPE: Final = 0.2
# TensorFlow's "same" padding of an even length by kernel 5 and stride 2 puts the odd one at the end.
_SAME_5_2: Final = [1, 1, 2, 2]
_SAME_4_DILATED: Final = [3, 3, 3, 3]


def mask_graph(net: UNet, *, half: bool, doc: str = "") -> bytes:
    """The network as a serialised ONNX model; the same weights give the same bytes.

    Args:
        net: the weights.
        half: store kernels of `HALF_FROM` numbers and more as float16 behind a Cast; the
            arithmetic is float32 either way.
        doc: the model's doc string.

    Raises:
        onnx.checker.ValidationError: the graph is not valid.
    """
    build = _Builder(half)
    build.node("Sigmoid", [_up(build, net, _down(build, net))], output="mask")
    shape: list[str | int | None] = [1, 2, "frames", BINS]
    graph = helper.make_graph(
        build.casts + build.nodes,
        "spleeter_unet",
        [helper.make_tensor_value_info("magnitude", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("mask", TensorProto.FLOAT, shape)],
        build.constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, producer_name="stemd export", doc_string=doc)
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _down(build: "_Builder", net: UNet) -> list[str]:
    """The encoder; returns the name of each convolution's output, which skips its norm."""
    skips: list[str] = []
    flow = "magnitude"
    for i, conv in enumerate(net.down):
        flow = build.conv("Conv", flow, conv, f"down{i + 1}", strides=[2, 2], pads=_SAME_5_2)
        skips.append(flow)
        if i < len(net.down_norms):
            flow = build.norm(flow, net.down_norms[i], f"down{i + 1}")
            flow = build.node("LeakyRelu", [flow], alpha=SLOPE)
    return skips


def _up(build: "_Builder", net: UNet, skips: list[str]) -> str:
    """The decoder; returns the mask's logits."""
    flow = skips[-1]
    for i, (conv, norm) in enumerate(zip(net.up, net.up_norms, strict=True)):
        if i > 0:
            flow = build.node("Concat", [skips[DEPTH - 1 - i], flow], axis=1)
        flow = build.conv("ConvTranspose", flow, conv, f"up{i + 1}", strides=[2, 2], pads=_SAME_5_2)
        flow = build.norm(build.node("Relu", [flow]), norm, f"up{i + 1}")
    return build.conv("Conv", flow, net.mask, "mask", dilations=[2, 2], pads=_SAME_4_DILATED)


class _Builder:
    """Collects nodes and constants, and names what lies between them."""

    def __init__(self, half: bool) -> None:
        self.half = half
        self.casts: list[onnx.NodeProto] = []
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Attribute) -> str:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], None, None, None, None, **attributes))
        return output

    def conv(self, kind: str, flow: str, conv: Convolution, name: str, **attributes: Attribute) -> str:
        kernel = self._kernel(conv.kernel, f"{name}.kernel")
        bias = self._constant(conv.bias, f"{name}.bias")
        return self.node(kind, [flow, kernel, bias], "", kernel_shape=list(conv.kernel.shape[2:]), **attributes)

    def norm(self, flow: str, norm: BatchNorm, name: str) -> str:
        parts = [("gamma", norm.gamma), ("beta", norm.beta), ("mean", norm.mean), ("variance", norm.variance)]
        constants = [self._constant(value, f"{name}.norm.{key}") for key, value in parts]
        return self.node("BatchNormalization", [flow, *constants], epsilon=EPSILON)

    def _kernel(self, value: Weights, name: str) -> str:
        if not self.half or value.size < HALF_FROM:
            return self._constant(value, name)
        self.constants.append(numpy_helper.from_array(value.astype(np.float16), f"{name}.half"))
        self.casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
        return name

    def _constant(self, value: Weights, name: str) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name
