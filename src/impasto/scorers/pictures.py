"""Pictures as tensors: resizing and padding."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def resize(pictures: Tensor, size: tuple[int, int], *, clamp: bool = True) -> Tensor:
    """Resize (N, C, H, W) to a size (H, W), bicubic and without aliasing.

    Args:
        pictures: values in [0, 1], or any values if they are not clamped.
        size: height and width wanted, in pixels.
        clamp: whether to clamp overshoot to [0, 1].

    Returns:
        (N, C, *size); the same tensor where it has that size already.
    """
    if pictures.shape[2:] == size:
        return pictures
    resized = F.interpolate(pictures, size, mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp_(0, 1) if clamp else resized


def lanczos(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize RGB in [0, 1], (N, C, H, W), to a size (H, W) with a Lanczos window of 3 lobes.

    Returns:
        (N, C, *size), clamped; the same tensor where it has that size already.
    """
    if pictures.shape[2:] == size:
        return pictures
    # torch has it on the CPU alone.
    resized = F.interpolate(pictures.cpu(), size, mode="lanczos", antialias=True)
    return resized.clamp_(0, 1).to(pictures.device)


def pad_to_fit(picture: Tensor) -> Tensor:
    """Mirror the right and bottom of (N, C, H, W) so that H and W are multiples of 4, from 8 up.

    Where there is too little to mirror, the edge is repeated.
    """
    height, width = picture.shape[2:]
    right, bottom = (max(8, -(-size // 4) * 4) - size for size in (width, height))
    if right:
        picture = F.pad(picture, (0, right, 0, 0), "reflect" if right < width else "replicate")
    if bottom:
        picture = F.pad(picture, (0, 0, 0, bottom), "reflect" if bottom < height else "replicate")
    return picture
