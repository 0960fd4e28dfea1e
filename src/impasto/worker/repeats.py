"""Frames that equal the one before: slides, stills, films with each frame twice.

Comparing costs a millisecond at most, scoring hundreds. Only scorers that say that a result depends
on nothing but its picture are spared (`Scorer.pure`), and only within a shard.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from impasto.media.frame import Frame
    from impasto.outputs.base import Scored

_STRIDE = 61
"""Rows from one that is compared at first to the next."""


def same_picture(one: Frame, other: Frame) -> bool:
    """Return whether two frames are the same picture, sample by sample."""
    pairs = [*zip(one.planes, other.planes, strict=False)]
    return (
        one.layout == other.layout
        and len(one.planes) == len(other.planes)
        and _same_mask(one, other)
        # A few rows tell almost all pictures apart.
        and all(np.array_equal(a[::_STRIDE], b[::_STRIDE]) for a, b in pairs)
        and all(np.array_equal(a, b) for a, b in pairs)
    )


def _same_mask(one: Frame, other: Frame) -> bool:
    if one.mask is None or other.mask is None:
        return one.mask is other.mask
    return one.mask is other.mask or np.array_equal(one.mask, other.mask)


def with_repeats(made: list[Scored], repeats: tuple[tuple[Frame, ...], ...]) -> list[Scored]:
    """Return results, each followed by those of the frames that equal its own.

    Args:
        made: the results of a mini-batch.
        repeats: the frames that equal each of its items, or () without any.
    """
    if not repeats:
        return made
    each = zip(made, repeats, strict=True)
    return [one for scored, frames in each for one in (scored, *_repeated(scored, frames))]


def _repeated(scored: Scored, frames: tuple[Frame, ...]) -> list[Scored]:
    error = scored.error
    return [
        replace(
            scored,
            index=frame.index,
            concealed=frame.concealed,
            about=frame.about,
            seconds=0.0,
            repeated=error is None,
            error=error and error.model_copy(update={"item": frame.index}),
        )
        for frame in frames
    ]
