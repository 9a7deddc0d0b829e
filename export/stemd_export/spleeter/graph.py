"""Spleeter's 2-stem model as one ONNX graph: `magnitude` in, the vocals' `mask` out.

Both are float32 (1, 2, frames, 1024): two channels, STFT frames in multiples of 64 (six halvings), the lowest
1024 bins of an unnormalised 4096-point STFT with a periodic Hann window every 1024 samples. Two U-Nets of one shape
each estimate their own part, v and a, as a fraction of the magnitude; the mask is Spleeter's ratio of the two,
(v^2 + e/2) / (v^2 + a^2 + e). Its product with the mixture is left to the caller, who has the complex spectrum.
Batch norms stay as they are: folding them into what follows is not exact at the padded edges (a shift before a
padded convolution is no bias), and onnxruntime gained nothing from it.
"""

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from stemd_export.spleeter.rounding import to_bytes
from stemd_export.spleeter.weights import DEPTH, BatchNorm, Convolution, UNet, Weights

Attribute: TypeAlias = int | float | list[int]
Stored: TypeAlias = npt.NDArray[Any]

BINS: Final = 1024
FRAMES_MULTIPLE: Final = 2**DEPTH
OPSET: Final = 17
# The oldest format that holds opset 17, so that older runtimes read the file too.
IR_VERSION: Final = 8
# Where kernels are stored with less: the outer ones are small, and the mask feels their rounding most.
HALF_FROM: Final = 1_000
BYTES_FROM: Final = 100_000
EPSILON: Final = 1e-3
# Spleeter adds it to squared magnitudes; here the magnitude is cancelled, so silence has a mask like any other level.
RATIO_EPSILON: Final = 1e-10
SLOPE: Final = 0.2
# TensorFlow's "same" padding of an even length by kernel 5 and stride 2 puts the odd one at the end.
_SAME_5_2: Final = [1, 1, 2, 2]
_SAME_4_DILATED: Final = [3, 3, 3, 3]


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
    build = _Builder(small)
    half = build.constant(np.array(RATIO_EPSILON / 2, np.float32), "half_epsilon")
    powers = [_power(build, net, name, half) for name, net in (("vocals", vocals), ("accomp", accompaniment))]
    build.node("Div", [powers[0], build.node("Add", powers)], output="mask")
    shape: list[str | int | None] = [1, 2, "frames", BINS]
    graph = helper.make_graph(
        build.widening + build.nodes,
        "spleeter_2stems",
        [helper.make_tensor_value_info("magnitude", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("mask", TensorProto.FLOAT, shape)],
        build.constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, producer_name="stemd export", doc_string=doc)
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _power(build: "_Builder", net: UNet, name: str, half_epsilon: str) -> str:
    """The square of a network's estimate, as a fraction of the magnitude's, and half of the epsilon."""
    fraction = build.node("Sigmoid", [_up(build, net, name, _down(build, net, name))])
    return build.node("Add", [build.node("Mul", [fraction, fraction]), half_epsilon])


def _down(build: "_Builder", net: UNet, name: str) -> list[str]:
    """The encoder; returns the name of each convolution's output, which skips its norm."""
    skips: list[str] = []
    flow = "magnitude"
    for i, conv in enumerate(net.down):
        layer = f"{name}.down{i + 1}"
        flow = build.conv(flow, conv, layer, strides=[2, 2], pads=_SAME_5_2)
        skips.append(flow)
        if i < len(net.down_norms):
            flow = build.norm(flow, net.down_norms[i], layer)
            flow = build.node("LeakyRelu", [flow], alpha=SLOPE)
    return skips


def _up(build: "_Builder", net: UNet, name: str, skips: list[str]) -> str:
    """The decoder; returns the logits of the network's own fraction."""
    flow = skips[-1]
    for i, (conv, norm) in enumerate(zip(net.up, net.up_norms, strict=True)):
        layer = f"{name}.up{i + 1}"
        if i > 0:
            flow = build.node("Concat", [skips[DEPTH - 1 - i], flow], axis=1)
        flow = build.conv(flow, conv, layer, transposed=True, strides=[2, 2], pads=_SAME_5_2)
        flow = build.norm(build.node("Relu", [flow]), norm, layer)
    return build.conv(flow, net.mask, f"{name}.mask", dilations=[2, 2], pads=_SAME_4_DILATED)


class _Builder:
    """Collects nodes and constants, and names what lies between them."""

    def __init__(self, small: bool) -> None:
        self.small = small
        # What onnxruntime computes once, at load: nothing in it hangs on the input.
        self.widening: list[onnx.NodeProto] = []
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Attribute) -> str:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], None, None, None, None, **attributes))
        return output

    def conv(
        self, flow: str, conv: Convolution, name: str, *, transposed: bool = False, **attributes: Attribute
    ) -> str:
        # Transposed convolutions have their outputs in the second place.
        kernel = self._kernel(conv.kernel, f"{name}.kernel", outputs=int(transposed))
        inputs = [flow, kernel, self.constant(conv.bias, f"{name}.bias")]
        return self.node("ConvTranspose" if transposed else "Conv", inputs, "", **attributes)

    def norm(self, flow: str, norm: BatchNorm, name: str) -> str:
        parts = [("gamma", norm.gamma), ("beta", norm.beta), ("mean", norm.mean), ("variance", norm.variance)]
        constants = [self.constant(value, f"{name}.norm.{key}") for key, value in parts]
        return self.node("BatchNormalization", [flow, *constants], epsilon=EPSILON)

    def constant(self, value: Stored, name: str) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def _kernel(self, value: Weights, name: str, outputs: int) -> str:
        if not self.small or value.size < HALF_FROM:
            return self.constant(value, name)
        if value.size < BYTES_FROM:
            half = self.constant(value.astype(np.float16), f"{name}.half")
            return self._widen("Cast", [half], name, to=TensorProto.FLOAT)
        steps, scale = to_bytes(value, outputs)
        full = self._widen("Cast", [self.constant(steps, f"{name}.steps")], f"{name}.q", to=TensorProto.FLOAT)
        square = self._widen("Mul", [full, self._widen("Abs", [full], f"{name}.abs")], f"{name}.square")
        return self._widen("Mul", [square, self.constant(scale, f"{name}.scale")], name)

    def _widen(self, kind: str, inputs: list[str], output: str, **attributes: Attribute) -> str:
        self.widening.append(helper.make_node(kind, inputs, [output], None, None, None, None, **attributes))
        return output
