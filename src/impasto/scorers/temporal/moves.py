"""Score a picture several times, moved by a few pixels, and take the mean.

Networks that work on a coarse grid of pixels draw a pattern that is locked to it: a weave in flat
areas, which stands still while things move. The mean of the picture moved by 0 to 3 pixels has next
to none of it, and cleaner strokes than any single pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

MOVES = (0, 1, 2, 3)
"""By how many pixels the picture is moved, down and right."""
BORDER = 16
"""Pixels of mirrored border; within it stays what networks make of an edge."""


def mean_of_moves(score: Callable[[Tensor], Tensor], picture: Tensor) -> Tensor:
    """Score a picture moved by each of `MOVES`, and take the mean of the results moved back.

    Args:
        score: makes a picture, (1, 3, f * H, f * W), of one, (1, 3, H, W).
        picture: RGB in [0, 1], (1, 3, H, W).

    Returns:
        (1, 3, f * H, f * W); a single result where the picture is too small to be mirrored, or
        results are not a whole number f of times its size.
    """
    height, width = picture.shape[2:]
    border = min(BORDER, min(height, width) - 1 - max(MOVES))
    if border < max(MOVES):
        return score(picture)
    total: Tensor | None = None
    for move in MOVES:
        low, high = border - move, border + move
        made = score(F.pad(picture, (low, high, low, high), "reflect"))
        times = made.shape[2] // (height + 2 * border)
        if made.shape[2:] != (times * (height + 2 * border), times * (width + 2 * border)):
            return score(picture)
        at = low * times
        cut = made[:, :, at : at + height * times, at : at + width * times]
        total = cut.clone() if total is None else total.add_(cut)
    assert total is not None
    return total.div_(len(MOVES))
