"""The style network in a form that runs fast: `network.Transformer`, rewritten exactly.

- **Columns as channels.** In channels_last memory, k neighbouring pixels of c channels are one
  pixel of k * c channels, without a copy (`gather`). The 9x9 convolutions, with 3 channels on one
  side, run on such wide pixels (`widen`) and so fill the registers that 3 channels leave empty.
- **Upsampling inside the convolution.** Nearest x2, then 3x3, is one transposed 4x4 convolution
  with stride 2 (`fold_upsampling`): 4/9 of the arithmetic, and nothing is upsampled in memory.
  Bilinear x2 is nearest x2 and a small blur, which is merged with the kernel before (`smoothed`).
- **Norms without a pass of their own.** The style is constant, so scales and shifts are computed
  at load. A factor on a channel moves into the weights of the next convolution, and a constant
  added to a channel is removed by the next norm; what is left of norm and ReLU is one clamp, which
  also copies into the next convolution's padded input (`StyleNorm.rectify`).
- **Pixels as -128 to 127**, which bfloat16 holds exactly; the first convolution undoes it.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

from impasto.machine import cpu_isa
from impasto.scorers.style.kernels import (
    channels_last,
    fold_upsampling,
    gather,
    smoothed,
    spread,
    widen,
)
from impasto.scorers.style.norms import StyleNorm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

LAST_ROWS, LAST_COLUMNS = 2, 4


class FastTransformer:
    """The transformer for one style, on one device.

    Agrees with `network.Transformer` to 2e-4 in float32, and to 45 dB or better in bfloat16 and
    float16. Holds only constants, so any number of threads may call it.

    Args:
        weights: the transformer's float32 tensors, named as in `network.Transformer`.
        style: the style vector, (100,).
        device: where to run.
        dtype: what to compute in; statistics are float32 whatever it is.
        smooth: whether the second upsampling is bilinear, which weakens the pattern of 4 pixels
            that the network draws; see `network.Transformer`.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        style: Tensor,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        *,
        smooth: bool = False,
    ) -> None:
        tensors = {name: tensor.to(device) for name, tensor in weights.items()}
        self.device, self.dtype = device, dtype
        # Enough columns to fill a vector register, or a row of a tile of a matrix unit.
        self.columns = 2 if dtype == torch.float32 else 4
        self.depth = len(tensors["contract.2.bias"])
        self.black = torch.tensor(-128.0, device=device)

        weight, bias = tensors["contract.0.weight"] / 255, tensors["contract.0.bias"]
        bias = bias + 128 * weight.sum((1, 2, 3))
        self.first = (
            self._cast(widen(weight, 1, self.columns)),
            self._cast(bias).repeat(self.columns),
        )
        self.second, self.third = (
            (self._cast(tensors[f"contract.{i}.weight"]), self._cast(tensors[f"contract.{i}.bias"]))
            for i in (1, 2)
        )

        names = [f"residual.{i}.conv{j}" for i in range(5) for j in (1, 2)]
        names += [f"expand.{i}" for i in range(3)]
        kernels = {name: tensors[f"{name}.conv.weight"] for name in names}
        if smooth:
            kernels["expand.1"] = smoothed(kernels["expand.1"])
        kernels |= {name: fold_upsampling(kernels[name]) for name in ("expand.0", "expand.1")}
        kernels["expand.2"] = widen(kernels["expand.2"], LAST_ROWS, LAST_COLUMNS)
        # Kernels that a norm precedes stay float32, since each frame scales them.
        fixed = {"expand.0", *names[0:10:2]}
        self._kernels = {
            name: channels_last(self._cast(kernel) if name in fixed else kernel)
            for name, kernel in kernels.items()
        }
        self._norms = {
            name: tensor
            for name, tensor in tensors.items()
            if ".scale." in name or ".shift." in name
        }
        self._bind(style)

    def restyled(self, style: Tensor) -> FastTransformer:
        """Return the same network for another style vector, (100,), in a thousandth of the time."""
        other = copy(self)
        other._bind(style)
        return other

    def _bind(self, style: Tensor) -> None:
        own = style.to(self.device)
        layers = [
            (kernel, StyleNorm.of(self._norms, name, own)) for name, kernel in self._kernels.items()
        ]
        self.residual = list(zip(layers[0:10:2], layers[1:10:2], strict=True))
        self.expand = layers[10:]

    def __call__(self, image: Tensor) -> Tensor:
        """Paint one picture: float32 RGB in [0, 1], (1, 3, H, W), to the same, channels_last.

        H and W must be multiples of 4, from 8 up.
        """
        x = self.contract(image)
        self.transform(x)
        (kernel, norm), (next_kernel, next_norm), (_, last_norm) = self.expand
        y = self.upsample(x, kernel)
        x = Padded(self, *y.shape[1:], before=1, after=1)
        y = self.upsample(x, self.rescaled(next_kernel, norm.rectify(y, x.inside)))
        x = Padded(self, *y.shape[1:], before=4, after=4)
        y = self.last(x, next_norm.rectify(y, x.inside))
        last_norm.squash(y)
        return spread(y, LAST_ROWS, LAST_COLUMNS).float()

    def contract(self, image: Tensor) -> Padded:
        """Apply the first layers: RGB in [0, 1], (1, 3, H, W), to (1, 32, H / 4, W / 4)."""
        height, width = image.shape[2:]
        x = Padded(self, 3, height, width, before=4, after=4)
        torch.add(self.black, image, alpha=255, out=x.inside)
        y = spread(F.conv2d(gather(x.mirror(), self.columns), *self.first), 1, self.columns)
        x = self._rectified(y, after=0)
        x = self._rectified(F.conv2d(x.mirror(), *self.second, stride=2), after=0)
        return self._rectified(F.conv2d(x.mirror(), *self.third, stride=2), after=1)

    def transform(self, x: Padded) -> None:
        """Apply the residual blocks in place, to (1, 32, H, W) with a border of 1."""
        inner = Padded(self, *x.inside.shape[1:], before=1, after=1)
        for (kernel, norm), (next_kernel, next_norm) in self.residual:
            y = F.conv2d(x.mirror(), kernel)
            factor = norm.rectify(y, inner.inside)
            y = F.conv2d(inner.mirror(), self._scaled(next_kernel, factor))
            next_norm.add_to(x.inside, y)

    def upsample(self, x: Padded, kernel: Tensor) -> Tensor:
        """Upsample and convolve: (1, C, H, W) with a border of 1 to (1, O, 2 * H, 2 * W).

        Args:
            x: the picture.
            kernel: (C, O, k, k), of `fold_upsampling`.
        """
        padding = kernel.shape[2] // 2 + 1
        return F.conv_transpose2d(x.mirror(edge=True), kernel, stride=2, padding=padding)

    def last(self, x: Padded, factor: Tensor) -> Tensor:
        """Apply the last convolution: (1, 8, H, W) with a border of 4 to wide pixels of 3 channels.

        Args:
            x: the picture.
            factor: a factor of each of its channels, (8,).
        """
        kernel = self._scaled(self.expand[2][0], factor.repeat(LAST_COLUMNS))
        return F.conv2d(gather(x.mirror(), LAST_COLUMNS), kernel, stride=(LAST_ROWS, 1))

    def _cast(self, tensor: Tensor) -> Tensor:
        """Convert a tensor of any shape to the type used for computing."""
        return tensor.to(self.dtype)

    def _scaled(self, kernel: Tensor, factor: Tensor) -> Tensor:
        """Scale a kernel, (O, C, h, w), by a factor of each input channel, (C,)."""
        return self._cast(kernel * factor.view(1, -1, 1, 1))

    def rescaled(self, kernel: Tensor, factor: Tensor) -> Tensor:
        """Scale a transposed kernel, (C, O, h, w), by a factor of each input channel, (C,)."""
        return self._cast(kernel * factor.view(-1, 1, 1, 1))

    def _rectified(self, x: Tensor, after: int) -> Padded:
        """Apply ReLU to (1, C, H, W), into a picture with a border of 1 before and some after."""
        padded = Padded(self, *x.shape[1:], before=1, after=after)
        torch.clamp_min(x, 0, out=padded.inside)
        return padded


class Padded:
    """A channels_last picture inside a border, so that padding it later copies only the border.

    Attributes:
        whole: (1, C, before + H + after, before + W + after).
        inside: the picture itself, a view.
    """

    def __init__(
        self,
        net: FastTransformer,
        channels: int,
        height: int,
        width: int,
        *,
        before: int,
        after: int,
    ) -> None:
        shape = (1, before + height + after, before + width + after, channels)
        self.whole = torch.empty(shape, dtype=net.dtype, device=net.device).permute(0, 3, 1, 2)
        self.inside = self.whole[:, :, before : before + height, before : before + width]
        self.before, self.after = before, after

    def mirror(self, edge: bool = False) -> Tensor:
        """Reflect the picture into its border, with or without its edge.

        Returns:
            The whole, (1, C, before + H + after, before + W + after), not a copy.
        """
        for axis in (2, 3):
            end = self.whole.shape[axis] - self.after
            skip = 0 if edge else 1
            for target, source, count in (
                (0, self.before + skip, self.before),
                (end, end - self.after - skip, self.after),
            ):
                if count:
                    strip = self.whole.narrow(axis, source, count).flip(axis)
                    self.whole.narrow(axis, target, count).copy_(strip)
        return self.whole


def fast_dtype(device: torch.device) -> torch.dtype:
    """Choose what to compute in: float16 on CUDA, bfloat16 on CPUs with AMX, else float32.

    Without AMX, bfloat16 is slower than float32 even where AVX512 has instructions for it.
    """
    if device.type == "cuda":
        return torch.float16
    isa = cpu_isa()
    allowed = isa in ("", "ALL", "DEFAULT") or "AMX" in isa
    return torch.bfloat16 if allowed and torch.cpu._is_amx_tile_supported() else torch.float32
