"""What is counted of a graph: its products, nodes and megabytes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from stemd_bench.network.facts import of_files
from stemd_bench.network.flop import flop
from stemd_bench.network.material import ONE, SPECIALISTS
from stemd_export.htdemucs import weights
from stemd_export.htdemucs.build import hybrid_graph
from stemd_export.htdemucs.seeded import NARROW, seeded_model
from tests.bench.small_graphs import copying, graph, recipe, zeros


class TestWork:
    def test_products_are_counted_as_by_hand(self) -> None:
        nodes = [
            helper.make_node("Conv", ["x", "k"], ["y"], group=2, strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("ConvTranspose", ["y", "t"], ["z"]),
            helper.make_node("Sigmoid", ["z"], ["s"]),
            helper.make_node("Gemm", ["a", "b"], ["c"], transA=1),
            helper.make_node("MatMul", ["m", "n"], ["p"]),
        ]
        inputs = {"x": (1, 4, 10, 10), "a": (6, 5), "m": (2, 5, 6)}
        constants = {"k": zeros(8, 2, 3, 3), "t": zeros(8, 3, 4, 4), "b": zeros(6, 7), "n": zeros(6, 3)}
        by_hand = 2 * (8 * 5 * 5 * 2 * 9 + 8 * 5 * 5 * 3 * 16 + 5 * 7 * 6 + 2 * 5 * 3 * 6)
        assert flop(graph(nodes, inputs, ["s", "c", "p"], constants)) == by_hand

    @pytest.mark.parametrize("heads_apart", [False, True])
    def test_attention_is_two_products(self, heads_apart: bool) -> None:
        shapes = [(1, 2, 10, 4), (1, 2, 7, 4), (1, 2, 7, 3)] if heads_apart else [(1, 10, 8), (1, 7, 8), (1, 7, 6)]
        heads = {} if heads_apart else {"q_num_heads": 2, "kv_num_heads": 2}
        node = helper.make_node("Attention", ["q", "k", "v"], ["y"], **heads)
        assert flop(graph([node], dict(zip("qkv", shapes, strict=True)), ["y"])) == 2 * 10 * 7 * (8 + 6)

    def test_large_constants_count_by_their_shape(self) -> None:
        nodes = [
            helper.make_node("Reshape", ["x", "shape"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["y"]),
        ]
        constants = {"shape": np.array([1, -1]), "w": zeros(4_096, 5)}
        assert flop(graph(nodes, {"x": (64, 64)}, ["y"], constants)) == 2 * 4_096 * 5

    def test_a_shape_that_is_not_known_is_refused(self) -> None:
        node = helper.make_node("MatMul", ["x", "y"], ["z"], name="product")
        model = graph([node], {"x": (3, 4)}, ["z"])
        model.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2]))
        with pytest.raises(ValueError, match=r"product.*'y' is not known"):
            flop(model)

    def test_the_networks_work_is_that_of_its_products(self) -> None:
        net = weights.read(seeded_model(NARROW, 0), 35_280)
        fused, plain, all_ = (
            flop(onnx.load_from_string(hybrid_graph(net, wanted, attention=attention)))
            for wanted, attention in (([ONE], "fused"), ([ONE], "plain"), (range(SPECIALISTS), "fused"))
        )
        assert fused == plain, "fusing attention saves no product"
        assert fused < all_ < 1.5 * fused

    def test_files_are_weighed_together(self, tmp_path: Path) -> None:
        file = copying(tmp_path / "a.onnx")
        one, two = of_files(recipe(file)), of_files(recipe(file, file, rows=(0, 0)))
        assert one["nodes"] == 2
        assert two == {name: 2 * value for name, value in one.items()}
        assert one["megabytes"] == (tmp_path / "a.onnx").stat().st_size / 1e6
