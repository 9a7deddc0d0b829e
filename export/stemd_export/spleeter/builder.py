"""Collects an ONNX graph's nodes and constants, and names what lies between them."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from stemd_export.spleeter.rounding import to_bytes
from stemd_export.spleeter.weights import Convolution, Weights

Attribute: TypeAlias = int | float | str | list[int]
Stored: TypeAlias = npt.NDArray[Any]

# Where kernels are stored with less: the outer ones are small, and the mask feels their rounding most.
HALF_FROM: Final = 1_000
BYTES_FROM: Final = 100_000


class Builder:
    """Nodes in the order in which they are asked for. Names are short: the file has no room for more."""

    def __init__(self, small: bool) -> None:
        self.small = small
        # What a runtime computes once, at load: nothing in it hangs on the input.
        self.widening: list[onnx.NodeProto] = []
        self.nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    @property
    def constants(self) -> list[onnx.TensorProto]:
        """In the order in which they were first asked for."""
        return list(self._constants.values())

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Attribute) -> str:
        """A node with one output, which is returned by name."""
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], None, None, None, None, **attributes))
        return output

    def split(self, flow: str, count: int) -> list[str]:
        """The equal parts of the first axis."""
        parts = [f"split_{len(self.nodes)}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node("Split", [flow], parts, None, None, None, None, axis=0))
        return parts

    def widen(self, kind: str, inputs: list[str], **attributes: Attribute) -> str:
        """A node among those that are computed at load."""
        output = f"w{len(self.widening)}"
        self.widening.append(helper.make_node(kind, inputs, [output], None, None, None, None, **attributes))
        return output

    def conv(self, flow: str, conv: Convolution, name: str, **attributes: Attribute) -> str:
        """A plain convolution."""
        inputs = [flow, self.kernel(conv.kernel, name, outputs=0), self.bias(conv, name)]
        return self.node("Conv", inputs, "", **attributes)

    def constant(self, value: Stored, name: str) -> str:
        """A constant of this name, stored once."""
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(value, name)
        return name

    def numbers(self, *values: int) -> str:
        """A row of whole numbers."""
        return self.constant(np.array(values, np.int64), ",".join(map(str, values)))

    def bias(self, conv: Convolution, name: str) -> str:
        """A convolution's bias."""
        return self.constant(conv.bias, f"{name}.bias")

    def kernel(self, value: Weights, name: str, outputs: int) -> str:
        """A kernel in float32, however it is stored; its axis `outputs` counts the output channels."""
        return self.parts(value, name, outputs, [lambda stored: stored])[0]

    def parts(self, value: Weights, name: str, outputs: int, picks: Sequence[Callable[[str], str]]) -> list[str]:
        """Parts of a kernel, each picked out of the stored numbers before they are widened: that takes less memory."""
        name = f"{name}.kernel"
        if not self.small or value.size < HALF_FROM:
            return [pick(self.constant(value, name)) for pick in picks]
        if value.size < BYTES_FROM:
            half = self.constant(value.astype(np.float16), f"{name}.half")
            return [self.widen("Cast", [pick(half)], to=TensorProto.FLOAT) for pick in picks]
        steps, scale = to_bytes(value, outputs)
        stored, unit = self.constant(steps, f"{name}.steps"), self.constant(scale, f"{name}.scale")
        fulls = [self.widen("Cast", [pick(stored)], to=TensorProto.FLOAT) for pick in picks]
        squares = [self.widen("Mul", [full, self.widen("Abs", [full])]) for full in fulls]
        return [self.widen("Mul", [square, unit]) for square in squares]
