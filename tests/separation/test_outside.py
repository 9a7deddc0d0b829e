"""Graphs that would read other files: found wherever the reference can be, before an engine opens them."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from stemd.errors import ModelLoadError
from stemd.separation import outside
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.manifest import Manifest
from stemd.separation.outside import check_inside
from stemd.separation.store import Model, find
from tests.store.graphs import split_graph

ROOTS = {"model": onnx.ModelProto}
LOCATIONS = ["weights.bin", "../weights.bin", "/etc/passwd", "a/../../b", "link", ""]


def inside(name: str = "w") -> TensorProto:
    return numpy_helper.from_array(np.ones(3, np.float32), name)


def away(location: str = "../x", name: str = "w") -> TensorProto:
    """A tensor whose weights are elsewhere."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def graph(*nodes: Any, weights: tuple[Any, ...] = ()) -> Any:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])
    return helper.make_graph(list(nodes), "g", [value], [value], initializer=list(weights))


def sparse(values: Any, indices: Any) -> Any:
    return onnx.SparseTensorProto(values=values, indices=indices, dims=[9])


def node(**attributes: Any) -> Any:
    return helper.make_node("Constant", [], ["y"], **attributes)


def placed(tensor: Any) -> dict[str, Any]:
    """A model with a tensor in each place where there can be one."""
    nested: Any = graph(weights=(tensor,))
    for _ in range(20):
        nested = graph(helper.make_node("If", ["c"], ["y"], then_branch=nested, else_branch=graph()))
    attribute = helper.make_attribute("value", tensor)
    sparse_node = helper.make_node("Constant", [], ["y"])
    sparse_node.attribute.append(
        onnx.AttributeProto(name="s", type="SPARSE_TENSOR", sparse_tensor=sparse(tensor, inside()))
    )
    many = onnx.AttributeProto(name="t", type="TENSORS", tensors=[inside(), tensor])
    graphs = onnx.AttributeProto(name="g", type="GRAPHS", graphs=[graph(), graph(weights=(tensor,))])
    with_sparse = graph()
    with_sparse.sparse_initializer.append(sparse(inside(), tensor))
    function = onnx.FunctionProto(name="f", domain="d", node=[node(value=tensor)])
    default = onnx.FunctionProto(name="f", domain="d", attribute_proto=[attribute])
    training = onnx.TrainingInfoProto(initialization=graph(weights=(tensor,)))
    algorithm = onnx.TrainingInfoProto(algorithm=graph(node(value=tensor)))
    model = helper.make_model
    return {
        "an initializer": model(graph(weights=(inside("a"), tensor))),
        "a constant": model(graph(node(value=tensor))),
        "a list of tensors": model(graph(onnx.NodeProto(op_type="X", attribute=[many]))),
        "a sparse initializer": model(with_sparse),
        "a sparse constant": model(graph(sparse_node)),
        "a branch of branches": model(nested),
        "a list of graphs": model(graph(onnx.NodeProto(op_type="X", attribute=[graphs]))),
        "a function": model(graph(), functions=[function]),
        "a function's default": model(graph(), functions=[default]),
        "training's beginning": onnx.ModelProto(graph=graph(), training_info=[training]),
        "training's step": onnx.ModelProto(graph=graph(), training_info=[algorithm]),
    }


PLACES = list(placed(inside()))


def written(folder: Path, model: Any) -> Path:
    path = folder / "graph.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


@pytest.mark.parametrize("place", PLACES)
def test_weights_elsewhere_are_found_in_every_place_and_weights_inside_are_not(tmp_path: Path, place: str) -> None:
    check_inside(written(tmp_path, placed(inside())[place]))
    with pytest.raises(ModelLoadError, match="keeps weights in a second file"):
        check_inside(written(tmp_path, placed(away())[place]))


@pytest.mark.parametrize("location", LOCATIONS)
def test_it_does_not_matter_where_they_are_said_to_be(tmp_path: Path, location: str) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(12))
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(ModelLoadError, match="keeps weights in a second file"):
        check_inside(written(tmp_path, helper.make_model(graph(weights=(away(location),)))))


@pytest.mark.parametrize("half", ["location", "entries", "number"])
def test_half_a_reference_is_enough(tmp_path: Path, half: str) -> None:
    tensor = away()
    if half == "location":
        del tensor.external_data[:]
    elif half == "entries":
        tensor.ClearField("data_location")
    data = helper.make_model(graph(weights=(tensor,))).SerializeToString()
    if half == "number":
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        # 2^32 + 1, which a reader of 32 bits takes for 1.
        body = tensor.SerializeToString() + b"\x70\x81\x80\x80\x80\x10"
        data = onnx.ModelProto().SerializeToString() + field(7, field(5, body))
    with pytest.raises(ModelLoadError, match="keeps weights in a second file"):
        check_inside(written(tmp_path, data))


def field(number: int, body: bytes) -> bytes:
    """A field of bytes in protocol buffers' way."""
    assert len(body) < 128
    return bytes((number << 3 | 2, len(body))) + body


def test_a_graph_in_two_pieces_is_read_in_both(tmp_path: Path) -> None:
    """Protocol buffers join what comes twice."""
    first = onnx.ModelProto(graph=graph()).SerializeToString()
    second = onnx.ModelProto(graph=graph(weights=(away(),))).SerializeToString()
    assert len(onnx.load_from_string(first + second).graph.initializer) == 1
    with pytest.raises(ModelLoadError, match="keeps weights in a second file"):
        check_inside(written(tmp_path, first + second))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x3a",
        b"\x3a\x05",
        b"\x3a\x05abc",
        b"\xff" * 30,
        b"\x3a\xff\xff\xff\xff\x0f",
        b"no graph",
        b"\x02\x00",  # field 0
        b"\x3b\x3c",  # a group
        b"\x08" + b"\x80" * 9 + b"\x02",  # more than 64 bits
        b"\x2a\x80\x00",  # a length with zeros in front
        b"\x09abc",
    ],
)
def test_what_is_no_graph_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelLoadError, match="is no graph in ONNX"):
        check_inside(written(tmp_path, data))


HIGH = {
    "bit 32": b"\x80\x80\x80\x10",
    "bit 34": b"\x80\x80\x80\x40",
    "bit 35": b"\x80\x80\x80\x80\x01",
    "bit 63": b"\x80" * 8 + b"\x01",
    "zeros in front": b"\x80\x80\x80\x00",
}


@pytest.mark.parametrize("high", HIGH.values(), ids=HIGH)
@pytest.mark.parametrize(("number", "outer"), [(7, ()), (5, (7,)), (13, (5, 7))], ids=["graph", "tensor", "entry"])
def test_a_tag_that_other_readers_take_for_one_of_ours_is_refused(
    tmp_path: Path, high: bytes, number: int, outer: tuple[int, ...]
) -> None:
    """They drop what is above 32 bits of it, and find what it hides."""
    data = bytes([number << 3 | 2 | 0x80]) + high + b"\x00"
    for around in outer:
        data = field(around, data)
    with pytest.raises(ModelLoadError, match="is no graph in ONNX"):
        check_inside(written(tmp_path, data))


def test_a_file_cut_anywhere_is_judged_without_a_fault_of_ours(tmp_path: Path) -> None:
    data = helper.make_model(graph(node(value=inside()), weights=(inside("a"),))).SerializeToString()
    check_inside(written(tmp_path, data))
    for length in range(len(data)):
        with suppress(ModelLoadError):  # between two fields it is a graph still
            check_inside(written(tmp_path, data[:length]))
    with pytest.raises(ModelLoadError, match="is no graph in ONNX"):
        check_inside(written(tmp_path, data[:-1]))


def test_every_way_to_a_tensor_is_followed() -> None:
    """By the descriptors of `onnx` itself: a version with another way fails this."""
    names = {"ModelProto": "model", "TrainingInfoProto": "training", "FunctionProto": "function", "GraphProto": "graph"}
    names |= {
        "NodeProto": "node",
        "AttributeProto": "attribute",
        "SparseTensorProto": "sparse",
        "TensorProto": "tensor",
    }
    names |= {"StringStringEntryProto": "entry"}
    for proto, name in names.items():
        descriptor = getattr(onnx, proto).DESCRIPTOR
        ways = {
            each.number: names[each.message_type.name]
            for each in descriptor.fields
            if each.message_type
            and (reaches_a_tensor(each.message_type) or (name, each.name) == ("tensor", "external_data"))
        }
        assert outside._INSIDE.get(name, {}) == ways, proto
    assert onnx.TensorProto.DESCRIPTOR.fields_by_name["data_location"].number == outside._LOCATION


def reaches_a_tensor(descriptor: Any, seen: tuple[str, ...] = ()) -> bool:
    if descriptor.name == "TensorProto":
        return True
    return descriptor.name not in seen and any(
        each.message_type and reaches_a_tensor(each.message_type, (*seen, descriptor.name))
        for each in descriptor.fields
    )


def test_a_model_with_the_right_digest_and_weights_elsewhere_is_not_opened(tmp_path: Path) -> None:
    """The digest of the graph's own file says nothing of what it would read besides."""
    shipped = find("spleeter-vocals").manifest
    split_graph(tmp_path / "vocals.onnx")
    digest = hashlib.sha256((tmp_path / "vocals.onnx").read_bytes()).hexdigest()
    entry = msgspec.structs.replace(shipped.specialists[0], file="vocals.onnx", sha256=digest)
    manifest: Manifest = msgspec.structs.replace(shipped, specialists=(entry,))
    with pytest.raises(ModelLoadError, match="keeps weights in a second file"):
        Model(tmp_path, manifest).open(EngineOptions(threads=1))
    (tmp_path / "vocals.onnx").write_bytes(b"something else")
    with pytest.raises(ModelLoadError, match="damaged or replaced"):
        Model(tmp_path, manifest).open(EngineOptions(threads=1))
