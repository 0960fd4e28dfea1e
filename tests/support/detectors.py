"""A tiny ONNX detector, as ultralytics exports them, whose findings are known exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CELL = 32
"""Pixels of a cell, and the stride of the network."""
NAMES = ("red", "green", "blue")


def blobs(size: int = 128, *, task: str = "detect", **metadata: str) -> bytes:
    """A detector of pure red, green and blue cells of 32x32 pixels, in the raw layout.

    Each cell of the grid is a box of its own size, and the mean of each colour in it is the score
    of a class. It takes pictures of any size that is a multiple of the stride.
    """
    nodes = [
        helper.make_node(
            "AveragePool", ["images"], ["means"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]
        ),
        helper.make_node("ReduceMax", ["means"], ["any"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["any", "any"], ["zeros"]),
        helper.make_node("Add", ["zeros", "cell"], ["sides"]),
        helper.make_node("CumSum", ["sides", "across"], ["right"]),
        helper.make_node("CumSum", ["sides", "down"], ["bottom"]),
        helper.make_node("Sub", ["right", "half"], ["x"]),
        helper.make_node("Sub", ["bottom", "half"], ["y"]),
        helper.make_node("Concat", ["x", "y", "sides", "sides", "means"], ["grid"], axis=1),
        helper.make_node("Reshape", ["grid", "flat"], ["output0"]),
    ]
    weights: dict[str, Any] = {
        "cell": np.array(CELL, np.float32),
        "half": np.array(CELL / 2, np.float32),
        "across": np.array(3, np.int64),
        "down": np.array(2, np.int64),
        "flat": np.array([0, 4 + len(NAMES), -1], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "blobs",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, "h", "w"])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 7, "anchors"])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    said = {
        "task": task,
        "stride": str(CELL),
        "imgsz": str([size, size]),
        "names": str(dict(enumerate(NAMES))),
        **metadata,
    }
    onnx.helper.set_model_props(model, said)
    content: bytes = model.SerializeToString()
    return content
