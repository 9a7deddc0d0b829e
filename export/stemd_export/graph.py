"""Builds an ONNX graph node by node: names what lies between, keeps equal constants once, stores weights as asked."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from stemd.separation.manifest import Storage

Attribute: TypeAlias = int | float | str | list[int]
Values: TypeAlias = npt.NDArray[Any]
Shapes: TypeAlias = Mapping[str, Sequence[int]]

# Smaller constants are kept in float32 whatever the storage: they weigh nothing.
STORED_FROM: Final = 1_024


class Graph:
    """A graph under construction. Every operator returns the name of its output.

    Args:
        opset: the version of ONNX's operators that it is written in, 17 or later.
        storage: how weights of `STORED_FROM` numbers and more lie in the file; the arithmetic is float32.
    """

    def __init__(self, opset: int, storage: Storage = "float32") -> None:
        self.opset, self.storage = opset, storage
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._by_digest: dict[bytes, str] = {}
        self._scope: list[str] = []
        self._count = 0

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Put `name` before the names of what is made within."""
        self._scope.append(name)
        yield
        self._scope.pop()

    def name(self, kind: str) -> str:
        """A name that was not given before, within the scope."""
        self._count += 1
        return "/".join([*self._scope, f"{kind}_{self._count}"])

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Attribute) -> str:
        """Add an operator with one output."""
        output = output or self.name(kind.lower())
        node = helper.make_node(kind, list(inputs), [output], output, None, None, None, **attributes)
        self._nodes.append(node)
        return output

    def constant(self, value: Values, name: str = "") -> str:
        """A constant as it is; the same values are stored once."""
        value = np.ascontiguousarray(value)
        digest = hashlib.sha256(f"{value.dtype}{value.shape}".encode() + value.tobytes()).digest()
        if digest not in self._by_digest:
            name = self.name(name or "constant")
            self._constants[name] = numpy_helper.from_array(value, name)
            self._by_digest[digest] = name
        return self._by_digest[digest]

    def floats(self, value: Any) -> str:
        """A float32 constant."""
        return self.constant(np.asarray(value, np.float32))

    def integers(self, *values: int) -> str:
        """An int64 vector."""
        return self.constant(np.array(values, np.int64))

    def weight(self, value: Values, name: str, *, scale: Values | None = None, small: bool = False) -> str:
        """A weight as a checkpoint holds it, stored as the graph's `storage` says.

        What is stored with less is widened once, at load: nothing in it hangs on the input. A float16 that is stored
        as float16 loses nothing, and so `scale`, which belongs to the last axis, is multiplied at load as well.

        Args:
            value: the weight.
            name: of the constant.
            scale: what the last axis is multiplied with.
            small: whether int8 storage may keep it in 8 bits; otherwise it keeps it in float16.
        """
        if self.storage == "float32" or value.size < STORED_FROM:
            return self.constant(np.asarray(value if scale is None else value * scale, np.float32), name)
        if self.storage == "int8" and small:
            steps = np.abs(value).max(axis=0) / 127
            steps = np.where(steps > 0, steps, 1)
            value, scale = np.round(value / steps).astype(np.int8), steps * (1 if scale is None else scale)
        else:
            value = value.astype(np.float16)
        wide = self.op("Cast", self.constant(value, name), to=TensorProto.FLOAT)
        return wide if scale is None else self.op("Mul", wide, self.floats(scale))

    def reshape(self, x: str, *shape: int) -> str:
        """The same values in another shape."""
        return self.op("Reshape", x, self.integers(*shape))

    def transpose(self, x: str, *order: int) -> str:
        """Axes in another order."""
        return self.op("Transpose", x, perm=list(order))

    def slice(self, x: str, axis: int, start: int, stop: int) -> str:
        """`[start, stop)` along one axis."""
        return self.op("Slice", x, self.integers(start), self.integers(stop), self.integers(axis))

    def mean(self, x: str, *axes: int, then: Sequence[int] = ()) -> str:
        """The mean over `axes`, kept as ones; then over more, in a second stage, which is what keeps it exact.

        onnxruntime sums all axes of a large tensor in one float32 running sum and is off by 5e-4 (export/README.md).
        """
        for stage in (axes, then):
            if stage and self.opset >= 18:
                x = self.op("ReduceMean", x, self.integers(*stage), keepdims=1)
            elif stage:
                x = self.op("ReduceMean", x, axes=list(stage), keepdims=1)
        return x

    def square(self, x: str) -> str:
        """The square of each number."""
        return self.op("Mul", x, x)

    def inverse_root(self, variance: str, epsilon: float) -> str:
        """1 / sqrt(variance + epsilon)."""
        return self.op("Pow", self.op("Add", variance, self.floats(epsilon)), self.floats(-0.5))

    def gelu(self, x: str) -> str:
        """The exact one, by the error function."""
        if self.opset >= 20:
            return self.op("Gelu", x)
        inner = self.op("Erf", self.op("Mul", x, self.floats(np.sqrt(0.5))))
        return self.op("Mul", self.op("Mul", x, self.op("Add", inner, self.floats(1))), self.floats(0.5))

    def model(self, name: str, inputs: Shapes, outputs: Shapes, doc: str) -> bytes:
        """The finished model, checked and serialised; the same calls give the same bytes.

        Raises:
            onnx.checker.ValidationError: the graph is not valid.
        """
        ins, outs = (
            [helper.make_tensor_value_info(k, TensorProto.FLOAT, list(shape)) for k, shape in group.items()]
            for group in (inputs, outputs)
        )
        graph = helper.make_graph(self._nodes, name, ins, outs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="stemd export", doc_string=doc)
        # The oldest format that holds the opset, so that older runtimes read the file too.
        model.ir_version = helper.find_min_ir_version_for(opsets)
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))
