"""Small models that tests make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto, helper

if TYPE_CHECKING:
    from pathlib import Path


def write_sums(path: Path) -> None:
    """Write an ONNX model that adds the two numbers of a row."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])]
    outputs = [helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n"])]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    node = helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=0)
    graph = helper.make_graph([node], "net", inputs, outputs, [axes])
    opsets = [helper.make_opsetid("", 17)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    )
