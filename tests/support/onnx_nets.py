"""Small ONNX models that tests make, and the scorer of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import TensorProto, helper, numpy_helper

from impasto.scorers.onnx.params import OnnxParams
from impasto.scorers.onnx.scorer import OnnxScorer
from support.model_file import ModelFile

if TYPE_CHECKING:
    from impasto.scorers.base import Scores

FLOAT, BYTE, HALF = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.FLOAT16


def scorer(model: bytes | ModelFile, device: str = "cpu", **params: Any) -> OnnxScorer:
    """A scorer as a job's first worker loads it."""
    inputs = ModelFile(model) if isinstance(model, bytes) else model
    full = OnnxParams(model="models/net.onnx", **params)
    return OnnxScorer(full, OnnxScorer.prepare(full, inputs), inputs, device)


def build(
    nodes: list[Any],
    inputs: dict[str, tuple[int, Any]],
    outputs: dict[str, tuple[int, Any]],
    **weights: Any,
) -> bytes:
    """A model of nodes, with inputs and outputs as (type, shape), and weights by name."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        [helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    content: bytes = model.SerializeToString()
    return content


def pictures(count: int = 2, height: int = 20, width: int = 28, seed: int = 0) -> torch.Tensor:
    """Smooth random pictures on the 256 levels that real ones have."""
    noise = torch.rand(count, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    smooth = F.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)
    return (smooth * 255).round() / 255


def made(scores: Scores) -> torch.Tensor:
    """The pictures of a mini-batch."""
    assert scores.pictures is not None
    assert scores.pictures.dtype == torch.float32
    return scores.pictures


def records(scores: Scores) -> list[Any]:
    """The record of each item."""
    assert scores.records is not None
    assert all(len(each) == 1 for each in scores.records)
    return [
        {k: v.tolist() if hasattr(v, "tolist") else v for k, v in each[0].items()}
        for each in scores.records
    ]
