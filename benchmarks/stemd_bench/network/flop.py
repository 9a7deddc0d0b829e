"""Counts the floating-point operations of a graph: the products, which are all that weighs in such a network."""

import math
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import onnx
from onnx import helper

Shape: TypeAlias = tuple[int, ...]
# Larger constants are not looked into while shapes are inferred.
_SMALL: Final = 1_024


def flop(model: Any) -> int:
    """Operations of one run, two for each multiplication with its addition.

    Counted are Conv, ConvTranspose, Gemm, MatMul and Attention; transforms outside the graph, norms and
    activations are not.

    Raises:
        ValueError: a shape that counts is not known.
    """
    shapes = inferred(model)
    total = 0
    for node in model.graph.node:
        if count := _COUNTS.get(node.op_type):
            names = [*node.input[: _OPERANDS.get(node.op_type, 2)], node.output[0]]
            unknown = [name for name in names if name not in shapes]
            if unknown:
                raise ValueError(f"{node.op_type} {node.name!r}: the shape of {unknown[0]!r} is not known")
            total += count(node, *(shapes[name] for name in names))
    return total


def inferred(model: Any) -> dict[str, Shape]:
    """Every shape that is known in full."""
    graph = onnx.shape_inference.infer_shapes(_lean(model), data_prop=True).graph
    shapes = dict(_known([*graph.input, *graph.value_info, *graph.output]))
    return shapes | {constant.name: tuple(constant.dims) for constant in graph.initializer}


def _lean(model: Any) -> Any:
    """The graph with its large constants as inputs, so that inferring shapes does not copy them."""
    lean = onnx.ModelProto()
    lean.ir_version = model.ir_version
    lean.opset_import.extend(model.opset_import)
    graph = lean.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.value_info.extend(model.graph.value_info)
    for constant in model.graph.initializer:
        if math.prod(constant.dims) <= _SMALL:
            graph.initializer.append(constant)
        else:
            graph.input.append(helper.make_tensor_value_info(constant.name, constant.data_type, list(constant.dims)))
    return lean


def _known(values: Iterable[Any]) -> Iterable[tuple[str, Shape]]:
    for value in values:
        sizes = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(size.HasField("dim_value") for size in sizes):
            yield value.name, tuple(size.dim_value for size in sizes)


def _conv(_: Any, __: Shape, kernel: Shape, out: Shape) -> int:
    # The kernel has (outputs, inputs / groups, ...).
    return 2 * math.prod(out) * math.prod(kernel[1:])


def _transposed(_: Any, x: Shape, kernel: Shape, __: Shape) -> int:
    # The kernel has (inputs, outputs / groups, ...).
    return 2 * math.prod(x) * math.prod(kernel[1:])


def _matmul(_: Any, x: Shape, __: Shape, out: Shape) -> int:
    return 2 * math.prod(out) * x[-1]


def _gemm(node: Any, x: Shape, _: Shape, out: Shape) -> int:
    flipped = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return 2 * math.prod(out) * x[0 if flipped else 1]


def _attention(_: Any, q: Shape, k: Shape, v: Shape, __: Shape) -> int:
    # Either (batch, tokens, heads * width) or (batch, heads, tokens, width).
    heads = q[1] if len(q) == 4 else 1
    return 2 * q[0] * heads * q[-2] * k[-2] * (q[-1] + v[-1])


_COUNTS: Final[dict[str, Callable[..., int]]] = {
    "Conv": _conv,
    "ConvTranspose": _transposed,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Attention": _attention,
}
_OPERANDS: Final = {"Attention": 3}
