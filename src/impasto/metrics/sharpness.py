"""How fine a picture is, and what a network's grid leaves in it.

Bands are those of a Laplacian pyramid (Burt, Adelson, "The Laplacian Pyramid as a Compact Image
Code", 1983), with a Gaussian of 1.2 pixels and areas halved: their energy is the variance of luma's
detail at about 1, 2, 4 and 8 pixels, in squares of 8-bit levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from impasto.metrics.footage import Picture
    from impasto.metrics.motion import Eyes, Floats

BANDS = (1, 2, 4, 8)
"""Pixels."""
SIGMA = 1.2
PERIOD = 4
"""Pixels between the places where a style network with two strides of 2 samples a picture."""


def bands(eyes: Eyes, picture: Picture) -> tuple[float, ...]:
    """Return the energy of each band of a picture, (H, W, 3)."""
    cv2 = eyes.cv2
    luma, found = _luma(eyes, picture), []
    for _ in BANDS:
        smooth = cv2.GaussianBlur(luma, (0, 0), SIGMA)
        found.append(float((luma - smooth).var()))
        height, width = smooth.shape
        size = (max(1, width // 2), max(1, height // 2))
        luma = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA)
    return tuple(found)


def grid(eyes: Eyes, picture: Picture) -> float:
    """Return which share of the variance of a picture's fine detail repeats every 4 pixels.

    Detail is luma less its mean over 4x4 pixels, so that all that repeats is in it. What remains of
    its mean over all places that are a multiple of 4 apart, 16 means, is what is fixed to the grid:
    this is a periodic analysis of variance, and 0 where there is no grid.
    """
    luma = _luma(eyes, picture)
    detail = luma - eyes.cv2.blur(luma, (PERIOD, PERIOD))
    height, width = (size // PERIOD * PERIOD for size in detail.shape)
    whole = detail[:height, :width]
    blocks = whole.reshape(height // PERIOD, PERIOD, width // PERIOD, PERIOD)
    variance = float(whole.var())
    return float(blocks.mean((0, 2)).var()) / variance if variance else 0.0


def _luma(eyes: Eyes, picture: Picture) -> Floats:
    luma = eyes.cv2.cvtColor(picture, eyes.cv2.COLOR_RGB2GRAY)
    floats: Floats = luma.astype(np.float32)
    return floats
