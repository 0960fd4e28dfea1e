"""The network of fast neural style: one style per checkpoint, painted in one pass.

J. Johnson, A. Alahi, L. Fei-Fei, "Perceptual losses for real-time style transfer and
super-resolution", arXiv:1603.08155; with instance norm (arXiv:1607.08022) and nearest-neighbour
upsampling, as PyTorch's examples train it. Names are those of its checkpoints.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from impasto.scorers.fitting import mirror

if TYPE_CHECKING:
    from collections.abc import Mapping

OLD = re.compile(r"in\d+\.(running_mean|running_var|num_batches_tracked)$")
"""Names of old checkpoints that instance norm, which keeps no statistics, never used."""


class Convolution(nn.Module):
    """A convolution of mirrored borders, after upsampling where it expands.

    Maps (N, inputs, H, W) to (N, outputs, H * upsample / stride, W * upsample / stride).
    """

    def __init__(
        self, inputs: int, outputs: int, size: int, *, stride: int = 1, upsample: int = 1
    ) -> None:
        super().__init__()
        self.upsample = upsample
        self.conv2d = nn.Conv2d(inputs, outputs, size, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W), as the class describes."""
        if self.upsample > 1:
            x = F.interpolate(x, scale_factor=float(self.upsample))
        border = self.conv2d.kernel_size[0] // 2
        y: Tensor = self.conv2d(F.pad(x, (border,) * 4, mode="reflect"))
        return y


class Residual(nn.Module):
    """Two convolutions around an identity; (N, C, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Convolution(channels, channels, 3)
        self.in1 = nn.InstanceNorm2d(channels, affine=True)
        self.conv2 = Convolution(channels, channels, 3)
        self.in2 = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        y: Tensor = self.in2(self.conv2(F.relu(self.in1(self.conv1(x)))))
        return x + y


class TransformerNet(nn.Module):
    """Contract, five residual blocks, expand: RGB 0 to 255, (N, 3, H, W), to the same, unclamped.

    Networks of fewer channels are read off the shapes of their weights.
    """

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 128)) -> None:
        super().__init__()
        narrow, middle, wide = widths
        self.conv1 = Convolution(3, narrow, 9)
        self.in1 = nn.InstanceNorm2d(narrow, affine=True)
        self.conv2 = Convolution(narrow, middle, 3, stride=2)
        self.in2 = nn.InstanceNorm2d(middle, affine=True)
        self.conv3 = Convolution(middle, wide, 3, stride=2)
        self.in3 = nn.InstanceNorm2d(wide, affine=True)
        self.res1, self.res2, self.res3 = Residual(wide), Residual(wide), Residual(wide)
        self.res4, self.res5 = Residual(wide), Residual(wide)
        self.deconv1 = Convolution(wide, middle, 3, upsample=2)
        self.in4 = nn.InstanceNorm2d(middle, affine=True)
        self.deconv2 = Convolution(middle, narrow, 3, upsample=2)
        self.in5 = nn.InstanceNorm2d(narrow, affine=True)
        self.deconv3 = Convolution(narrow, 3, 9)

    def forward(self, x: Tensor) -> Tensor:
        """Repaint RGB 0 to 255, (N, 3, H, W) of any size, to the same shape."""
        height, width = x.shape[2:]
        x = mirror(x, (_fitting(height), _fitting(width)))
        x = F.relu(self.in1(self.conv1(x)))
        x = F.relu(self.in2(self.conv2(x)))
        x = F.relu(self.in3(self.conv3(x)))
        x = self.res5(self.res4(self.res3(self.res2(self.res1(x)))))
        x = F.relu(self.in4(self.deconv1(x)))
        x = F.relu(self.in5(self.deconv2(x)))
        x = self.deconv3(x)
        return x[:, :, :height, :width]


def from_state(state: Mapping[str, object]) -> TransformerNet | None:
    """Build the network of a checkpoint, or return None if it is for another network.

    Args:
        state: tensors by name, with or without the ``module.`` of data-parallel training.
    """
    tensors = {
        name.removeprefix("module."): value.float()
        for name, value in state.items()
        if isinstance(value, Tensor) and not OLD.search(name)
    }
    try:
        narrow, middle, wide = (len(tensors[f"conv{n}.conv2d.weight"]) for n in (1, 2, 3))
        network = TransformerNet((narrow, middle, wide))
        network.load_state_dict(tensors)
    except (KeyError, RuntimeError):
        return None
    return network.eval().requires_grad_(False)


def _fitting(size: int) -> int:
    """Return the least multiple of 4, from 8 up, that holds a size: it is halved twice."""
    return max(8, -(-size // 4) * 4)
