"""Motion between the frames of an interval, as fields of displacement.

A field says for each pixel of one frame how far away, in pixels, it lies in another: (H, W, 2),
across and down, float32. Fields are composed, not pictures, so a picture is sampled only once.

Dense motion is that of Kroeger, Timofte, Dai, Van Gool, "Fast Optical Flow using Dense Inverse
Search", 2016 (arXiv:1603.03590), as OpenCV has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]

SPREAD = 4.0
"""Deviation, in pixels, of the Gaussian that smooths a field."""
BOUND = 4.0
"""Texture, in squared code values a pixel, of which half is trusted."""
APART = 14.0
"""Difference, in code values, of which a pixel's own may come from noise and light."""
BENT = 0.5
"""Strain from which strokes look bent."""
SMALLEST = 12
"""Shorter side, in pixels, of pictures whose motion can be estimated; in others nothing moves."""
LARGEST = 600_000
"""The most pixels at which motion is estimated."""


def reduction(width: int, height: int, *, coarse: bool = False) -> int:
    """Return by how much pictures are reduced before their motion is estimated.

    Args:
        width: of the pictures, in pixels.
        height: of the pictures, in pixels.
        coarse: whether speed counts more than the last of precision.
    """
    times = 1
    largest = LARGEST // 4 if coarse else LARGEST
    while width * height > largest * times**2:
        times *= 2
    return times


class Look(NamedTuple):
    """A frame, prepared.

    Attributes:
        picture: RGB, blurred a little, (H, W, 3).
        luma: (H, W).
        trust: the weight of each pixel's motion, by its texture, (H, W).
        spread: the same, smoothed as fields are.
    """

    picture: Bytes
    luma: Bytes
    trust: Floats
    spread: Floats


class Motion:
    """Estimates motion; not to be shared between threads."""

    def __init__(self, cv2: Any) -> None:
        """Bind OpenCV."""
        self.cv2 = cv2
        self._near = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        # A composed field is almost right, and is smoothed afterwards.
        self._far = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._far.setPatchStride(4)
        self._far.setGradientDescentIterations(12)
        self._far.setVariationalRefinementIterations(0)
        self._grids: dict[tuple[int, int], Floats] = {}

    def look(self, picture: Bytes) -> Look:
        """Prepare a picture, RGB (H, W, 3), for all that is asked about its motion."""
        cv2 = self.cv2
        luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        across = cv2.Sobel(luma, cv2.CV_32F, 1, 0) / 8
        down = cv2.Sobel(luma, cv2.CV_32F, 0, 1) / 8
        edges = cv2.blur(across * across + down * down, (5, 5))
        trust = edges / (edges + BOUND) + np.float32(1e-3)
        # Noise is no motion.
        calm = cv2.GaussianBlur(picture, (3, 3), 0)
        return Look(calm, luma, trust, self._blur(trust))

    def between(self, now: Look, other: Look) -> Floats:
        """Return the field from a frame to its neighbour."""
        if min(now.luma.shape) < SMALLEST:
            return np.zeros((*now.luma.shape, 2), np.float32)
        return self._smooth(self._near.calc(now.luma, other.luma, None), now)

    def follow(self, step: Floats, field: Floats) -> Floats:
        """Return the field from a frame, by its neighbour, to where the neighbour's leads."""
        far: Floats = step + self.sample(field, step)
        return far

    def refine(self, now: Look, key: Look, field: Floats) -> Floats:
        """Correct a field from a frame to a keyframe by comparing the two directly."""
        if min(now.luma.shape) < SMALLEST:
            return field
        better = self._far.calc(now.luma, key.luma, field.copy())
        return field + self._smooth(better - field, now)

    def belief(self, now: Look, key: Look, field: Floats, amount: float) -> Floats:
        """Return how far a keyframe explains a frame, from 0 to 1, (H, W).

        It does where the frames look alike through the field, and where the field is no more than
        moved, turned and scaled a little, since it would bend strokes.

        Args:
            now: the frame.
            key: the keyframe.
            field: from the one to the other.
            amount: what is tolerated, as a share of the full tolerance.
        """
        cv2 = self.cv2
        seen = self.sample(key.picture, field)
        error = cv2.absdiff(now.picture, seen).max(-1).astype(np.float32)
        alike = np.clip(1.5 - cv2.blur(error, (5, 5)) / (APART * amount), 0, 1)
        straight = np.clip(1.5 - self._strain(field) / (BENT * amount), 0, 1)
        height, width = field.shape[:2]
        places = self._grid(height, width) + field
        # Half a pixel is within a pixel at the edge.
        inside = ((places >= -0.5) & (places <= np.array([width, height]) - 0.5)).all(-1)
        belief: Floats = (alike * straight * inside).astype(np.float32)
        return belief

    def differs(self, now: Look, other: Look, field: Floats | None) -> NDArray[np.bool_]:
        """Return where a frame is unlike another, seen through a field or as it is, (H, W)."""
        cv2 = self.cv2
        seen = other.picture if field is None else self.sample(other.picture, field)
        error = cv2.blur(cv2.absdiff(now.picture, seen).max(-1), (5, 5))
        unlike: NDArray[np.bool_] = error > 1.5 * APART
        return unlike

    def sample(self, picture: Any, field: Floats, how: int | None = None) -> Any:
        """Return a picture, (H, W) or (H, W, C), as seen through a field of its size."""
        cv2 = self.cv2
        places = self._grid(*field.shape[:2]) + field
        how = cv2.INTER_LINEAR if how is None else how
        return cv2.remap(picture, places, None, how, borderMode=cv2.BORDER_REPLICATE)

    def _strain(self, field: Floats) -> Floats:
        """Return by how much the field's squared lengths change: |J'J - 1|, blurred, (H, W)."""
        cv2 = self.cv2
        across = cv2.Sobel(field, cv2.CV_32F, 1, 0) / 8
        down = cv2.Sobel(field, cv2.CV_32F, 0, 1) / 8
        across[..., 0] += 1
        down[..., 1] += 1
        one = (across * across).sum(-1) - 1
        two = (down * down).sum(-1) - 1
        both = (across * down).sum(-1)
        squared = cv2.blur(one * one + two * two + 2 * both * both, (9, 9))
        strain: Floats = np.sqrt(np.maximum(squared, 0))
        return strain

    def _smooth(self, field: Floats, now: Look) -> Floats:
        """Smooth a field so that flat areas move with what surrounds them."""
        smooth: Floats = self._blur(field * now.trust[..., None]) / now.spread[..., None]
        return smooth

    def _blur(self, values: Floats) -> Floats:
        blurred: Floats = self.cv2.GaussianBlur(values, (0, 0), SPREAD)
        return blurred

    def _grid(self, height: int, width: int) -> Floats:
        """Return the places of all pixels, (H, W, 2), across and down."""
        if (height, width) not in self._grids:
            across, down = np.meshgrid(np.arange(width), np.arange(height))
            self._grids[height, width] = np.stack([across, down], -1).astype(np.float32)
        return self._grids[height, width]
