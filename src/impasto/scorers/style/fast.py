"""The style network in a form that runs fast: `network.Transformer`, rewritten exactly.

- **Columns as channels.** In channels_last memory, k neighbouring pixels of c channels are one
  pixel of k * c channels, without a copy (`gather`). The 9x9 convolutions, with 3 channels on one
  side, run on such wide pixels (`widen`) and so fill the registers that 3 channels leave empty.
- **Upsampling inside the convolution.** Nearest x2, then 3x3, is one transposed 4x4 convolution
  with stride 2 (`fold_upsampling`): 4/9 of the arithmetic, and nothing is upsampled in memory.
- **Norms without a pass of their own.** The style is constant, so scales and shifts are computed
  at load. A factor on a channel moves into the weights of the next convolution, and a constant
  added to a channel is removed by the next norm; what is left of norm and ReLU is one clamp, which
  also copies into the next convolution's padded input (`StyleNorm.rectify`).
- **Pixels as -128 to 127**, which bfloat16 holds exactly; the first convolution undoes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

from impasto.machine import cpu_isa

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

EPSILON = 1e-5
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
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        style: Tensor,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        tensors = {name: tensor.to(device) for name, tensor in weights.items()}
        self.device, self.dtype = device, dtype
        # Enough columns to fill a vector register, or a row of a tile of a matrix unit.
        self.columns = 2 if dtype == torch.float32 else 4
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
        kernels |= {name: fold_upsampling(kernels[name]) for name in ("expand.0", "expand.1")}
        kernels["expand.2"] = widen(kernels["expand.2"], LAST_ROWS, LAST_COLUMNS)
        norms = {name: StyleNorm.of(tensors, name, style.to(device)) for name in names}
        # Kernels that a norm precedes stay float32, since each frame scales them.
        fixed = {"expand.0", *names[0:10:2]}
        layers = [
            (
                channels_last(self._cast(kernels[name]) if name in fixed else kernels[name]),
                norms[name],
            )
            for name in names
        ]
        self.residual = list(zip(layers[0:10:2], layers[1:10:2], strict=True))
        self.expand = layers[10:]

    def __call__(self, image: Tensor) -> Tensor:
        """Paint one picture: float32 RGB in [0, 1], (1, 3, H, W), to the same, channels_last.

        H and W must be multiples of 4, from 8 up.
        """
        height, width = image.shape[2:]
        x = Padded(self, 3, height, width, before=4, after=4)
        torch.add(self.black, image, alpha=255, out=x.inside)
        y = spread(F.conv2d(gather(x.mirror(), self.columns), *self.first), 1, self.columns)
        x = self._rectified(y, after=0)
        x = self._rectified(F.conv2d(x.mirror(), *self.second, stride=2), after=0)
        x = self._rectified(F.conv2d(x.mirror(), *self.third, stride=2), after=1)

        inner = Padded(self, *x.inside.shape[1:], before=1, after=1)
        for (kernel, norm), (next_kernel, next_norm) in self.residual:
            y = F.conv2d(x.mirror(), kernel)
            factor = norm.rectify(y, inner.inside)
            y = F.conv2d(inner.mirror(), self._scaled(next_kernel, factor))
            next_norm.add_to(x.inside, y)

        (kernel, norm), (next_kernel, next_norm), (last_kernel, last_norm) = self.expand
        y = F.conv_transpose2d(x.mirror(edge=True), kernel, stride=2, padding=3)
        x = Padded(self, *y.shape[1:], before=1, after=1)
        factor = norm.rectify(y, x.inside)
        kernel = self._cast(next_kernel * factor.view(-1, 1, 1, 1))
        y = F.conv_transpose2d(x.mirror(edge=True), kernel, stride=2, padding=3)
        x = Padded(self, *y.shape[1:], before=4, after=4)
        factor = next_norm.rectify(y, x.inside).repeat(LAST_COLUMNS)
        kernel = self._scaled(last_kernel, factor)
        y = F.conv2d(gather(x.mirror(), LAST_COLUMNS), kernel, stride=(LAST_ROWS, 1))
        last_norm.squash(y)
        return spread(y, LAST_ROWS, LAST_COLUMNS).float()

    def _cast(self, tensor: Tensor) -> Tensor:
        """Convert a tensor of any shape to the type used for computing."""
        return tensor.to(self.dtype)

    def _scaled(self, kernel: Tensor, factor: Tensor) -> Tensor:
        """Scale a kernel, (O, C, h, w), by a factor of each input channel, (C,)."""
        return self._cast(kernel * factor.view(1, -1, 1, 1))

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


class StyleNorm:
    """Instance norm with one style's scale and shift, (C,) each, and what follows it."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        # A channel with a scale of 0 would be constant; `rectify` divides by it.
        self.scale = torch.where(scale.abs() < EPSILON, EPSILON, scale)
        self.shift = shift
        self.ratio = shift / self.scale
        self.rising = self.scale > 0

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], name: str, style: Tensor) -> StyleNorm:
        """Evaluate the norm of a layer for a style vector, (100,).

        Args:
            tensors: ``<name>.scale.weight``, (C, 100), its ``bias``, (C,), and the ``shift``'s.
            name: the layer.
            style: the style vector.
        """
        scale, shift = (
            F.linear(style, tensors[f"{name}.{part}.weight"], tensors[f"{name}.{part}.bias"])
            for part in ("scale", "shift")
        )
        return cls(scale, shift)

    def rectify(self, x: Tensor, out: Tensor) -> Tensor:
        """Apply norm and ReLU, up to a factor and a constant per channel, in one pass.

        With the norm written as a * x + b, relu(a * x + b) - b = a * z, where z is x kept above
        -b / a, or below it where a is negative. Writes z; the next convolution's weights take up
        a, and its norm would remove b.

        Args:
            x: channels_last, (1, C, H, W).
            out: where z goes, of the same shape.

        Returns:
            The factor a of each channel, float32 (C,).
        """
        repeats = max(1, 32 // x.shape[1])
        mean, deviation = moments(gather(x, repeats), repeats)
        knee = mean - self.ratio * deviation
        low = torch.where(self.rising, knee, -torch.inf).repeat(repeats)
        high = torch.where(self.rising, torch.inf, knee).repeat(repeats)
        low, high = per_channel(low, x.dtype), per_channel(high, x.dtype)
        torch.clamp(gather(x, repeats), low, high, out=gather(out, repeats))
        return self.scale / deviation

    def add_to(self, total: Tensor, x: Tensor) -> None:
        """Add the norm of x, (1, C, H, W), to a total of the same shape."""
        mean, deviation = moments(x, 1)
        factor = self.scale / deviation
        # The constant matters to no later norm, but a centred total rounds less in 16 bits.
        total.add_(per_channel(self.shift - mean * factor, x.dtype))
        total.addcmul_(x, per_channel(factor, x.dtype))

    def squash(self, x: Tensor) -> None:
        """Apply norm and sigmoid to wide pixels, (1, k * C, H, W), in place: values in [0, 1]."""
        repeats = x.shape[1] // len(self.scale)
        mean, deviation = moments(x, repeats)
        factor = self.scale / deviation
        constant = per_channel((self.shift - mean * factor).repeat(repeats), x.dtype)
        torch.addcmul(constant, x, per_channel(factor.repeat(repeats), x.dtype), out=x).sigmoid_()


def moments(x: Tensor, repeats: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation, float32 (C,), of each channel of wide pixels, (1, repeats * C, H, W)."""
    # Statistics follow the type of the running ones, which are otherwise unused.
    unused = torch.zeros(2, x.shape[1], device=x.device)
    means, variances = torch.batch_norm_update_stats(x, unused[0], unused[1], 0.0)
    between, mean = torch.var_mean(means.view(repeats, -1), 0, correction=0)
    variance = variances.view(repeats, -1).mean(0) + between
    return mean, (variance + EPSILON).sqrt()


def per_channel(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Shape (C,) to broadcast over (1, C, H, W)."""
    return values.to(dtype).view(1, -1, 1, 1)


def channels_last(x: Tensor) -> Tensor:
    """Lay (N, C, H, W) out with the channels innermost."""
    return x.contiguous(memory_format=torch.channels_last)


def gather(x: Tensor, columns: int) -> Tensor:
    """View k columns as channels: channels_last (1, C, H, k * W) to (1, k * C, H, W)."""
    _, channels, height, width = x.shape
    wide = x.permute(0, 2, 3, 1).view(1, height, width // columns, columns * channels)
    return wide.permute(0, 3, 1, 2)


def spread(x: Tensor, rows: int, columns: int) -> Tensor:
    """Undo `gather`, for rows too: (1, rows * columns * C, H, W) to (1, C, rows * H, columns * W).

    Without a copy when there is one row.
    """
    _, channels, height, width = x.shape
    x = x.permute(0, 2, 3, 1).view(1, height, width, rows, channels // rows).transpose(2, 3)
    x = x.reshape(1, rows * height, columns * width, channels // (rows * columns))
    return x.permute(0, 3, 1, 2)


def widen(kernel: Tensor, rows: int, columns: int) -> Tensor:
    """Rewrite a kernel for gathered columns, to yield rows * columns neighbouring outputs at once.

    Maps (O, C, k, k) to (rows * columns * O, columns * C, rows - 1 + k, steps), to be run with a
    stride of (rows, 1) on gathered input; every output has the same kernel, moved.
    """
    outputs, channels, size, _ = kernel.shape
    height, steps = rows - 1 + size, -(-(columns - 1 + size) // columns)
    wide = kernel.new_zeros(rows, columns, outputs, channels, height, steps * columns)
    for row in range(rows):
        for column in range(columns):
            wide[row, column, :, :, row : row + size, column : column + size] = kernel
    wide = wide.view(rows * columns * outputs, channels, height, steps, columns)
    return wide.permute(0, 4, 1, 2, 3).reshape(-1, columns * channels, height, steps)


def fold_upsampling(kernel: Tensor) -> Tensor:
    """Merge nearest x2 and the 3x3 kernel after it: (O, C, 3, 3) to (C, O, 4, 4), transposed.

    Each low-resolution pixel represents 2x2 equal ones, so the taps that meet it are summed. To be
    run with stride 2 and padding 3 on input padded by 1 with its edge, which is what reflecting the
    upsampled picture by 1 amounts to.
    """
    summed = F.avg_pool2d(kernel.flip(2, 3), 2, stride=1, padding=1, divisor_override=1)
    return summed.transpose(0, 1)


def fast_dtype(device: torch.device) -> torch.dtype:
    """Choose what to compute in: float16 on CUDA, bfloat16 on CPUs with AMX, else float32.

    Without AMX, bfloat16 is slower than float32 even where AVX512 has instructions for it.
    """
    if device.type == "cuda":
        return torch.float16
    isa = cpu_isa()
    allowed = isa in ("", "ALL", "DEFAULT") or "AMX" in isa
    return torch.bfloat16 if allowed and torch.cpu._is_amx_tile_supported() else torch.float32
