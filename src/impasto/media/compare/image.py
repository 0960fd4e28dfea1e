"""A source and its result in one still picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from impasto.media import images

if TYPE_CHECKING:
    from impasto.media.compare.pane import Form
    from impasto.media.frame import Plane

LINE = 2
"""Pixels of the line between the halves of a split."""


def compare(before: tuple[bytes, str], after: tuple[bytes, str], suffix: str, form: Form) -> bytes:
    """Return a picture that shows a source and its result, in the result's size.

    Args:
        before: the source's bytes, and what messages call it.
        after: the same of the result.
        suffix: the format to write, as `images.write` takes it.
        form: ``side`` shows both beside each other; ``split``, the left half of one and the right
            half of the other.

    Raises:
        BadInput: one of them is no readable picture.
    """
    from PIL import Image

    left, right = (images.read(*each).planes[0] for each in (before, after))
    height, width, _ = right.shape
    if left.shape != right.shape:
        scaled = Image.fromarray(left).resize((width, height), Image.Resampling.LANCZOS)
        left = np.asarray(scaled)
    made = np.concatenate([left, right], axis=1) if form == "side" else _halves(left, right)
    return images.write(made.astype(np.uint8), None, suffix)


def _halves(left: Plane, right: Plane) -> Plane:
    made, middle = right.copy(), right.shape[1] // 2
    made[:, :middle] = left[:, :middle]
    made[:, max(0, middle - LINE // 2) : middle + LINE // 2] = 255
    return made
