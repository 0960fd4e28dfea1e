"""Detail by bands, and the grid of a network."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from impasto.metrics.motion import Eyes
from impasto.metrics.sharpness import bands, grid
from support.moving import HEIGHT, WIDTH, added, canvas, noise, seen, shift

EYES = Eyes()
PICTURE = seen(canvas(1, blur=1.0), shift(0, 0), 0)
FLAT = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)


@pytest.mark.parametrize("period", [6, 12, 24])
def test_stripes_have_the_energy_that_gaussians_leave_of_a_sine(period: int) -> None:
    wide = np.full((48, 1440, 3), 128, np.uint8)
    wave = 60 * np.sin(np.arange(1440) * 2 * np.pi / period)
    (striped,) = added([wide], np.broadcast_to(wave[:, None], wide.shape))
    height, frequency, expected = 60.0, 1 / period, []
    for _ in range(4):
        kept = np.exp(-2 * (np.pi * 1.2 * frequency) ** 2)
        expected.append((height * (1 - kept)) ** 2 / 2)
        # The mean of two neighbours, at half the size.
        height, frequency = height * kept * np.cos(np.pi * frequency), 2 * frequency
    assert bands(EYES, striped) == pytest.approx(expected, rel=0.1, abs=3)


def test_a_blur_lowers_fine_bands_more_than_coarse_ones() -> None:
    blurred = np.asarray(cv2.GaussianBlur(PICTURE, (0, 0), 1), np.uint8)
    kept = [
        after / before
        for before, after in zip(bands(EYES, PICTURE), bands(EYES, blurred), strict=True)
    ]
    assert kept == sorted(kept)
    assert kept[0] < 0.5
    assert kept[3] > 0.9


def test_what_repeats_every_four_pixels_is_its_share_of_the_detail() -> None:
    pattern = np.random.default_rng(1).normal(0, 10, (4, 4))
    pattern -= pattern.mean()
    tiled = np.tile(pattern, (HEIGHT // 4, WIDTH // 4))[..., None]
    grain = np.random.default_rng(2).normal(0, 20, (HEIGHT, WIDTH, 1))
    (alone,) = added([FLAT], np.broadcast_to(tiled, FLAT.shape))
    (mixed,) = added([FLAT], np.broadcast_to(tiled + grain, FLAT.shape))
    # At the picture's edges, its mean over 4x4 pixels is mirrored.
    assert grid(EYES, alone) == pytest.approx(1, abs=0.02)
    # Less the mean of 16 pixels, noise keeps 15/16 of its variance.
    share = pattern.var() / (pattern.var() + 20**2 * 15 / 16)
    assert grid(EYES, mixed) == pytest.approx(share, rel=0.1)


def test_a_picture_without_a_grid_has_none() -> None:
    assert grid(EYES, PICTURE) < 0.002
    assert grid(EYES, added([FLAT], noise(3, 20))[0]) < 0.003
    assert grid(EYES, FLAT) == 0
