"""Kernels and layouts of the fast form: rewritten exactly, so that convolutions run well."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


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
    """Merge nearest x2 and the kernel after it: (O, C, k, k), k odd, to (C, O, k + 1, k + 1).

    Each low-resolution pixel represents 2x2 equal ones, so the taps that meet it are summed. To be
    run transposed, with a stride of 2 and (k + 3) / 2 of padding, on input padded by 1 with its
    edge: for k = 3, this is what reflecting the upsampled picture by 1 amounts to.
    """
    summed = F.avg_pool2d(kernel.flip(2, 3), 2, stride=1, padding=1, divisor_override=1)
    return summed.transpose(0, 1)


def smoothed(kernel: Tensor) -> Tensor:
    """Merge the kernel, (O, C, 3, 3), with what makes nearest x2 before it bilinear x2.

    Returns:
        (O, C, 5, 5).
    """
    tent = kernel.new_tensor([0.25, 0.5, 0.25])
    flat = F.pad(kernel.flatten(0, 1)[:, None], (2, 2, 2, 2))
    return F.conv2d(flat, tent[None, None, :, None] * tent).view(*kernel.shape[:2], 5, 5)
