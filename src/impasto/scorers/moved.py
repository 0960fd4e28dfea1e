"""A network on pictures that are moved by a few pixels, with a border around them.

A network that halves pictures and doubles them again draws a pattern that is locked to its grid,
and fringes where it runs out of picture. A border of mirrored pixels, cut off afterwards, takes the
fringes with it; the mean over moves of less than the grid takes the pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from impasto.scorers.placing import Placed

Move: TypeAlias = tuple[int, int]
"""How far pictures are moved, in pixels down and to the right; not negative."""
UNMOVED: Sequence[Move] = ((0, 0),)
SQUARE: Sequence[Move] = ((0, 0), (1, 2), (2, 1), (3, 3))
"""Every place on a grid of 4 pixels, down and across, and no two on a line, along which the grid
would stay."""
BORDER = 16
"""Mirrored pixels around a picture: the fringes that each layer's own mirroring leaves are in the
first 8 of them."""


def mean_of_moves(
    pictures: Tensor,
    run: Callable[[Tensor], Tensor],
    *,
    moves: Sequence[Move] = UNMOVED,
    border: int = BORDER,
    multiple: int = 1,
) -> Tensor:
    """Run a network on pictures with a border, moved in several ways, and take the mean.

    Args:
        pictures: (N, C, H, W).
        run: the network; its pictures have the size of what it is given, or a whole number f of
            times that size. Of others, what it makes of the unmoved picture is taken.
        moves: how to move the pictures; each is a run of the network.
        border: mirrored pixels at each side at least, however they are moved.
        multiple: of which the sides that the network is given are multiples.

    Returns:
        (N, C, f * H, f * W), moved back.
    """
    source = (pictures.shape[2], pictures.shape[3])
    most = max(max(move) for move in moves)
    inner = tuple(-(-(side + 2 * border + most) // multiple) * multiple for side in source)
    whole = _surrounded(pictures, border + most, (inner[0] + most, inner[1] + most))
    total: Tensor | None = None
    for down, right in moves:
        top, left = most - down, most - right
        made = run(whole[:, :, top : top + inner[0], left : left + inner[1]])
        times = made.shape[2] // inner[0]
        if made.shape[2:] != (times * inner[0], times * inner[1]):
            return run(pictures)
        top, left = times * (border + down), times * (border + right)
        back = made[:, :, top : top + times * source[0], left : left + times * source[1]]
        total = back if total is None else total + back
    assert total is not None
    return total if len(moves) == 1 else total / len(moves)


def _surrounded(pictures: Tensor, before: int, outer: tuple[int, int]) -> Tensor:
    """Mirror (N, C, H, W) around itself, as often as it takes.

    Args:
        pictures: the pictures.
        before: pixels above and to the left.
        outer: height and width of what is made.
    """
    source = (pictures.shape[2], pictures.shape[3])
    bottom, right = (new - old - before for old, new in zip(source, outer, strict=True))
    if max(before, bottom, right) < min(source):
        return F.pad(pictures, (before, right, before, bottom), mode="reflect")
    return Placed(source, source, outer, (before, before)).into(pictures)
