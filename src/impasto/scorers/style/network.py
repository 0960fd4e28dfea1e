"""The style network, written plainly.

Ghiasi, Lee, Kudlur, Dumoulin, Shlens, "Exploring the structure of a real-time, arbitrary neural
artistic stylization network", BMVC 2017 (arXiv:1705.06830). One network predicts a style vector of
100 numbers from the painting; another, whose norms that vector scales and shifts, repaints a
picture. `Transformer` is written to be read and compared with; `fast` computes the same and is what
runs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

STYLE_LENGTH = 100


class InvertedResidual(nn.Module):
    """MobileNetV2's block (arXiv:1801.04381): widen, filter each channel, narrow linearly.

    Maps (N, inputs, H, W) to (N, outputs, H / stride, W / stride), H and W even. Batch norm is
    folded into the biases.
    """

    def __init__(self, inputs: int, outputs: int, widen: int, stride: int) -> None:
        super().__init__()
        wide = inputs * widen
        self.stride = stride
        self.expand = nn.Conv2d(inputs, wide, 1) if widen > 1 else None
        self.depthwise = nn.Conv2d(wide, wide, 3, stride, groups=wide)
        self.project = nn.Conv2d(wide, outputs, 1)
        self.skip = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y: Tensor = F.relu6(self.expand(x)) if self.expand else x
        y = F.relu6(self.depthwise(same_pad(y, self.stride)))
        y = self.project(y)
        return x + y if self.skip else y


class Predictor(nn.Module):
    """The painting's style vector: MobileNetV2, then a linear bottleneck.

    Maps RGB in [0, 1], (N, 3, 256, 256), to (N, 100).
    """

    # (widening, channels, repeats, first stride), table 2 of arXiv:1801.04381.
    STAGES = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2)
        self.blocks = nn.Sequential()
        inputs = 32
        for widen, channels, repeats, stride in self.STAGES:
            for i in range(repeats):
                block = InvertedResidual(inputs, channels, widen, stride if i == 0 else 1)
                self.blocks.append(block)
                inputs = channels
        self.head = nn.Conv2d(inputs, 1280, 1)
        self.project = nn.Conv2d(1280, STYLE_LENGTH, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Predict the style vectors, (N, 100), of RGB in [0, 1], (N, 3, 256, 256)."""
        x = F.relu6(self.stem(same_pad(x, 2)))
        x = F.relu6(self.head(self.blocks(x)))
        style: Tensor = self.project(x.mean((2, 3), keepdim=True))
        return style.flatten(1)


def same_pad(x: Tensor, stride: int) -> Tensor:
    """Pad (N, C, H, W) for a 3x3 convolution as TensorFlow's SAME does, H and W even.

    Returns:
        (N, C, H + 2, W + 2); for stride 2, (N, C, H + 1, W + 1), padded right and bottom only.
    """
    return F.pad(x, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))


class Styled(nn.Module):
    """A convolution and the instance norm whose scale and shift the style decides (section 3).

    Maps (N, inputs, H, W) and a style (N, 100) to (N, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, bias=False)
        self.scale = nn.Linear(STYLE_LENGTH, outputs)
        self.shift = nn.Linear(STYLE_LENGTH, outputs)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (N, inputs, H, W), for a style (N, 100), to (N, outputs, H, W)."""
        return self.inside(reflect_pad(x, self.conv.kernel_size[0]), style)

    def inside(self, x: Tensor, style: Tensor) -> Tensor:
        """Map what is padded already, (N, inputs, H + 2, W + 2) for a 3x3 convolution."""
        x = self.conv(x)
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + 1e-5)
        scale: Tensor = self.scale(style)[..., None, None]
        shift: Tensor = self.shift(style)[..., None, None]
        return x * scale + shift


class Residual(nn.Module):
    """Two styled convolutions around an identity; (N, C, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Styled(channels, channels, 3)
        self.conv2 = Styled(channels, channels, 3)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (N, C, H, W), for a style (N, 100), to the same shape."""
        y: Tensor = self.conv2(F.relu(self.conv1(x, style)), style)
        return x + y


class Transformer(nn.Module):
    """The picture repainted in a style: contract, five residual blocks, expand.

    Maps RGB in [0, 1], (N, 3, H, W) with H and W multiples of 4 from 8 up, and a style (N, 100) to
    RGB in [0, 1], (N, 3, H, W). This is the oracle that the fast form is compared with.

    Args:
        smooth: whether the second upsampling is bilinear. In the paper both repeat pixels, and what
            the layers after them draw is locked to a grid of 4 pixels: a weave in flat areas, which
            stays where it is when things move.
    """

    def __init__(self, *, smooth: bool = False) -> None:
        super().__init__()
        self.smooth = smooth
        self.contract = nn.ModuleList(
            [nn.Conv2d(3, 8, 9), nn.Conv2d(8, 16, 3, 2), nn.Conv2d(16, 32, 3, 2)]
        )
        self.residual = nn.ModuleList([Residual(32) for _ in range(5)])
        self.expand = nn.ModuleList([Styled(32, 16, 3), Styled(16, 8, 3), Styled(8, 3, 9)])

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Repaint RGB in [0, 1], (N, 3, H, W), in a style (N, 100), to the same shape."""
        for conv, size in zip(self.contract, (9, 3, 3), strict=True):
            x = F.relu(conv(reflect_pad(x, size)))
        for block in self.residual:
            x = block(x, style)
        x = F.relu(self.expand[0](F.interpolate(x, scale_factor=2.0), style))
        second = self.expand[1]
        assert isinstance(second, Styled)
        if self.smooth:
            wide = F.interpolate(F.pad(x, (1,) * 4, "replicate"), scale_factor=2.0, mode="bilinear")
            x = F.relu(second.inside(wide[:, :, 1:-1, 1:-1], style))
        else:
            x = F.relu(second(F.interpolate(x, scale_factor=2.0), style))
        return torch.sigmoid(self.expand[2](x, style))


def reflect_pad(x: Tensor, size: int) -> Tensor:
    """Mirror the borders of (N, C, H, W), so that a convolution of an odd size keeps H and W.

    Returns:
        (N, C, H + size - 1, W + size - 1).
    """
    return F.pad(x, (size // 2,) * 4, mode="reflect")
