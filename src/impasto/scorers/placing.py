"""Where pictures are in the input of a network: resized, and with a border around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from impasto.scorers.pictures import resize

if TYPE_CHECKING:
    from torch import Tensor

GREY = 114 / 255
"""What a letterbox is filled with: the grey that detectors are trained with (YOLOv5 and later)."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The place of pictures in a network's input.

    Attributes:
        source: the pictures' height and width, in pixels, as all sizes here.
        inner: the height and width that they are resized to.
        outer: the height and width of the network's input.
        corner: the row and column of the input where their top left corner is; negative where they
            are cropped.
        mirrored: whether the border mirrors the picture; it is grey otherwise.
    """

    source: tuple[int, int]
    inner: tuple[int, int]
    outer: tuple[int, int]
    corner: tuple[int, int] = (0, 0)
    mirrored: bool = True

    @property
    def scale(self) -> tuple[float, float]:
        """The pixels of the input to one of the source, down and across."""
        return self.inner[0] / self.source[0], self.inner[1] / self.source[1]

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the input is in the source; (0, 0) is the corner of a pixel.

        Arrays of numpy or tensors of x and y come back as such. Nothing is clamped.
        """
        down, across = self.scale
        return (x - self.corner[1]) / across, (y - self.corner[0]) / down

    def into(self, pictures: Tensor) -> Tensor:
        """Put pictures in [0, 1], (N, C, *source), into the input, (N, C, *outer)."""
        inner = resize(pictures, self.inner)
        if self.inner == self.outer:
            return inner
        if min(self.corner) < 0:
            top, left = (-start for start in self.corner)
            return inner[:, :, top : top + self.outer[0], left : left + self.outer[1]]
        if not self.mirrored:
            outer = inner.new_full((*inner.shape[:2], *self.outer), GREY)
            (top, left), (height, width) = self.corner, self.inner
            outer[:, :, top : top + height, left : left + width] = inner
            return outer
        for axis in (0, 1):
            if self.inner[axis] != self.outer[axis]:
                index = _mirrored(
                    self.inner[axis], self.outer[axis], self.corner[axis], inner.device
                )
                inner = inner.index_select(2 + axis, index)
        return inner

    def back(self, made: Tensor) -> Tensor:
        """Take the pictures out of what a network made of the input.

        Args:
            made: (N, C, H, W), of the input's size times what the network scales by.

        Returns:
            (N, C, H', W'), of the source's size times that, not clamped.
        """
        scale = (made.shape[2] / self.outer[0], made.shape[3] / self.outer[1])
        (top, bottom), (left, right) = (
            (round(start * by), max(round(start * by) + 1, round((start + length) * by)))
            for start, length, by in zip(self.corner, self.inner, scale, strict=True)
        )
        whole = tuple(max(1, round(n * by)) for n, by in zip(self.source, scale, strict=True))
        return resize(made[:, :, top:bottom, left:right], (whole[0], whole[1]), clamp=False)


def _mirrored(old: int, new: int, before: int, device: torch.device) -> Tensor:
    """Return the index, 0 to old - 1, of each row of an input, int64 (new,).

    Args:
        old: rows of the picture.
        new: rows of the input.
        before: rows above the picture.
        device: where to put it.
    """
    period = max(1, 2 * (old - 1))
    index = (torch.arange(new, device=device) - before) % period
    return torch.minimum(index, period - index).clamp(max=old - 1)
