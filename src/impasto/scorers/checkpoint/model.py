"""A model that is ready to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from impasto.scorers.params import Range


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is ready to run on its device.

    Attributes:
        run: RGB, (N, 3, H, W), of `dtype` on the device, to whatever the model returns.
        kind: what the file is, for people.
        dtype: the input's type.
        range: the range of the input's values, if it is known.
        size: the height and width that it requires; None is any.
        batch: how many pictures it requires at once; 0 is any number.
        singly: whether it should be given pictures one at a time.
        sure: whether it is known to return pictures of the same range.
        channels: of the pictures that it takes: 3, or 1 for grey.
        align: the pixels of which tiles' sides and places must be multiples.
        tiles: whether large pictures should be cut into tiles unasked.
    """

    run: Callable[[Tensor], Any]
    kind: str
    dtype: torch.dtype = torch.float32
    range: Range | None = None
    size: tuple[int | None, int | None] = (None, None)
    batch: int = 0
    singly: bool = False
    sure: bool = False
    channels: int = 3
    align: int = 1
    tiles: bool = False
