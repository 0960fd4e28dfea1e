"""Masks of objects, made of a segmenter's prototypes."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from impasto.scorers.placing import Placed


def of(
    weights: NDArray[Any],
    prototypes: NDArray[Any],
    box: tuple[float, float, float, float],
    placed: Placed,
) -> NDArray[np.bool_]:
    """Return the mask of an object in a picture, bool, of the picture's size.

    Args:
        weights: of each prototype, (P,).
        prototypes: (P, h, w), over the whole input of the network.
        box: the object's edges, in the picture's pixels; nothing outside belongs to it.
        placed: where the picture is in the network's input.
    """
    whole = np.tensordot(weights, prototypes, axes=1).astype(np.float32)
    height, width = placed.source
    left, top, right, bottom = (
        *(floor(edge) for edge in box[:2]),
        *(ceil(edge) for edge in box[2:]),
    )
    mask = np.zeros((height, width), np.bool_)
    if right <= left or bottom <= top:
        return mask
    # The middle of each of the box's pixels, in the input and then from -1 to 1.
    down, across = placed.scale
    y = (np.arange(top, bottom) + 0.5) * down + placed.corner[0]
    x = (np.arange(left, right) + 0.5) * across + placed.corner[1]
    rows = torch.from_numpy(y / placed.outer[0] * 2 - 1).float()
    columns = torch.from_numpy(x / placed.outer[1] * 2 - 1).float()
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
    sampled = F.grid_sample(
        torch.from_numpy(whole)[None, None],
        grid[None],
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    mask[top:bottom, left:right] = sampled[0, 0].numpy() > 0
    return mask
