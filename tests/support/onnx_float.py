"""The float network inside a quantised ONNX graph: an independent oracle for a port.

A statically quantised graph rounds every activation to 8 bits by a QuantizeLinear followed by a
DequantizeLinear. Without those pairs, the original network is left, with its dequantised weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
import onnxruntime as ort

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def strip_activation_rounding(model: onnx.ModelProto) -> None:
    """Turn, in place, every pair that rounds an activation into identities; keeps the weights'."""
    constants = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        activation = node.input[0] not in constants
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and activation:
            node.op_type = "Identity"
            del node.input[1:], node.attribute[:]
    # The intermediate types on record are still those of the rounded graph.
    del model.graph.value_info[:]


def run_float(path: Path, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a quantised graph in float; inputs by name, with ``/`` written as ``__``."""
    model = onnx.load(path)
    strip_activation_rounding(model)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options)
    feed = {name.replace("__", "/"): value for name, value in inputs.items()}
    output: NDArray[np.float32] = session.run(None, feed)[0]
    return output
