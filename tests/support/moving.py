"""Pictures that move in a known way, and others that move with them or do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

HEIGHT, WIDTH = 120, 160
MIDDLE = np.array([[1, 0, WIDTH / 2], [0, 1, HEIGHT / 2], [0, 0, 1]])

Motion: TypeAlias = "Callable[[int], NDArray[np.float64]]"
"""For a frame's number, the matrix that takes its pixels to places on a canvas, (3, 3)."""


def shift(across: float, down: float) -> Motion:
    """Return a camera that moves by so many pixels a frame."""
    return lambda t: np.array([[1, 0, across * t], [0, 1, down * t], [0, 0, 1]], float)


def zoom(factor: float) -> Motion:
    """Return a camera that comes nearer, round the picture's middle."""
    return lambda t: MIDDLE @ np.diag([factor**-t, factor**-t, 1]) @ np.linalg.inv(MIDDLE)


def turn(degrees: float) -> Motion:
    """Return a camera that turns, round the picture's middle."""

    def at(t: int) -> NDArray[np.float64]:
        c, s = np.cos(np.radians(degrees * t)), np.sin(np.radians(degrees * t))
        matrix = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        return np.asarray(MIDDLE @ matrix @ np.linalg.inv(MIDDLE), np.float64)

    return at


def canvas(seed: int, spread: float = 45, blur: float = 2.0) -> Picture:
    """Return a random texture, large enough for a camera to move over, (3H, 3W, 3)."""
    noise = np.random.default_rng(seed).normal(size=(3 * HEIGHT, 3 * WIDTH, 3))
    fine, coarse = (cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (blur, 5 * blur))
    mixed = fine / fine.std() + coarse / coarse.std()
    made: Picture = (128 + spread * mixed / mixed.std()).clip(0, 255).astype(np.uint8)
    return made


def seen(picture: Picture, motion: Motion, frame: int) -> Picture:
    """Return what the camera sees of a canvas at a frame, (H, W, 3)."""
    centre = np.array([[1, 0, WIDTH], [0, 1, HEIGHT], [0, 0, 1]], float)
    matrix = (centre @ motion(frame))[:2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=flags), np.uint8)


def film(seed: int, motion: Motion, frames: int = 14) -> list[Picture]:
    """Return frames of a moving texture."""
    drawn = canvas(seed)
    return [seen(drawn, motion, frame) for frame in range(frames)]


def noise(seed: int, spread: float) -> NDArray[np.float64]:
    """Return noise for a picture, (H, W, 3)."""
    return np.random.default_rng(seed).normal(0, spread, (HEIGHT, WIDTH, 3))


def added(pictures: list[Picture], *more: NDArray[np.float64] | float) -> list[Picture]:
    """Add to each picture what is given for it; one thing is added to all of them."""
    each = more * len(pictures) if len(more) == 1 else more
    return [
        (picture + extra).round().clip(0, 255).astype(np.uint8)
        for picture, extra in zip(pictures, each, strict=True)
    ]
