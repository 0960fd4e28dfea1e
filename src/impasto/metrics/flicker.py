"""How much things change their look while they move.

Warping error: Lai, Huang, Wang, Shechtman, Yumer, Yang, "Learning Blind Video Temporal
Consistency", ECCV 2018 (arXiv:1808.00449), section 4.2: the mean squared difference between a frame
and an earlier one moved along the source's motion, over the pixels that both show. Two ways to find
the motion stand beside each other, since a method that smooths along the same dense flow flatters
itself: see `motion.py`.

Errors are squares of 8-bit levels (0 to 255), the mean over R, G and B.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from impasto.metrics.footage import Picture
    from impasto.metrics.motion import Eyes, Floats, Motion, Still, Tracks


def dense(eyes: Eyes, now: Still, before: Still, motion: Motion) -> tuple[float, ...] | None:
    """Return the error of each video over all pixels that are seen; None where there are none."""
    seen = int(np.count_nonzero(motion.seen))
    if not seen:
        return None
    return tuple(
        _squares(eyes, new, eyes.sample(old, motion.places, cubic=True), motion) / (3 * seen)
        for new, old in zip(now.pictures, before.pictures, strict=True)
    )


def tracked(eyes: Eyes, now: Still, before: Still, tracks: Tracks) -> tuple[float, ...] | None:
    """Return the error of each video over the patches that were followed; None without any."""
    if not len(tracks.now):
        return None
    return tuple(
        float(np.mean((_patches(eyes, new, tracks.now) - _patches(eyes, old, tracks.before)) ** 2))
        for new, old in zip(now.pictures, before.pictures, strict=True)
    )


def _squares(eyes: Eyes, now: Picture, moved: Picture, motion: Motion) -> float:
    return float(eyes.cv2.norm(now, moved, eyes.cv2.NORM_L2SQR, motion.seen))


def _patches(eyes: Eyes, picture: Picture, places: Floats) -> Floats:
    """Cut out patches, (N, 81, 3), at places, (N, 81, 2)."""
    patches: Floats = eyes.sample(picture, places).astype(np.float32)
    return patches
