"""Motion between frames of a source: dense flow, tracked corners, and scene cuts.

Positions are absolute: a map says where each pixel of a frame lies in an earlier one.

- Dense flow: Kroeger, Timofte, Dai, Van Gool, "Fast Optical Flow using Dense Inverse Search", 2016
  (arXiv:1603.03590), as OpenCV has it, preset MEDIUM at full size. Where it is to be believed:
  Sundaram, Brox, Keutzer, "Dense Point Trajectories by GPU-accelerated Large Displacement Optical
  Flow", ECCV 2010, equation 5, as in Ruder, Dosovitskiy, Brox, "Artistic Style Transfer for
  Videos", 2016 (arXiv:1604.08610) and in Lai et al. (see `flicker.py`).
- Tracked corners: Shi, Tomasi, "Good Features to Track", CVPR 1994; Bouguet, "Pyramidal
  Implementation of the Lucas Kanade Feature Tracker", 2000; the way back: Kalal, Mikolajczyk,
  Matas, "Forward-Backward Error", ICPR 2010.
"""

from __future__ import annotations

import importlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from impasto.errors import BadInput
from impasto.metrics.drift import lab

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from impasto.metrics.footage import Picture

    Floats = NDArray[np.float32]

WAY_BACK = 0.3
"""Pixels by which a corner that is followed back may miss where it came from."""
RADIUS = 4
"""Pixels from the middle of a patch to its edge."""
CORNERS = {"maxCorners": 1500, "qualityLevel": 0.003, "minDistance": 5}
WINDOW = {"winSize": (21, 21), "maxLevel": 4}
FOLLOWED, ALIKE = 0.25, 0.65
"""There is a cut where less of a frame than this share is seen in the one before, and where luma,
moved and at an eighth of its size, correlates less than this. In cuts of real clips they were at
most 0.08 and 0.46, elsewhere at least 0.57 and 0.75."""
FLAT = 2.0
"""Standard deviation of such luma, in levels, below which it says nothing."""


@dataclass(frozen=True, slots=True)
class Still:
    """One frame of all videos.

    Attributes:
        number: the output's frame, from 0.
        luma: the source's, (H, W).
        pictures: of the source, the output and perhaps another output.
        colours: each one's mean in L*a*b*, (N, 3).
    """

    number: int
    luma: NDArray[np.uint8]
    pictures: tuple[Picture, ...]
    colours: NDArray[np.float64]


class Motion(NamedTuple):
    """Where the pixels of a frame were in an earlier one.

    Attributes:
        places: x and y, (H, W, 2).
        seen: 255 where the pixel is seen in both frames and its motion is to be believed, else 0;
            (H, W).
    """

    places: Floats
    seen: NDArray[np.uint8]


class Tracks(NamedTuple):
    """Patches round corners of a frame, and where they were in an earlier one.

    Attributes:
        now: x and y of each patch's pixels, (N, 81, 2).
        before: the same in the earlier frame.
    """

    now: Floats
    before: Floats


class Eyes:
    """OpenCV, with what is kept from one pair of frames to the next; for any number of threads."""

    def __init__(self) -> None:
        """Load OpenCV; raises BadInput where it is missing."""
        try:
            self.cv2: Any = importlib.import_module("cv2")
        except ImportError:
            raise BadInput(
                "metrics: OpenCV, which follows a video's motion, is missing",
                "run pip install 'impasto[flow]'",
            ) from None
        self._own = threading.local()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let OpenCV use one thread per call in a block: its flow differs with their number."""
        before = self.cv2.getNumThreads()
        self.cv2.setNumThreads(1)
        try:
            yield
        finally:
            self.cv2.setNumThreads(before)

    def still(self, number: int, pictures: tuple[Picture, ...]) -> Still:
        """Return a frame, whose first picture is the source's."""
        cv2 = self.cv2
        means = np.array([cv2.mean(picture)[:3] for picture in pictures])
        luma = cv2.cvtColor(pictures[0], cv2.COLOR_RGB2GRAY)
        return Still(number, luma, pictures, lab(means / 255))

    def follow(self, now: Still, before: Still) -> Motion:
        """Follow every pixel back to an earlier frame."""
        there, back = self._flow(now.luma, before.luma), self._flow(before.luma, now.luma)
        height, width = now.luma.shape
        places = there + grid(height, width)
        returned = self.sample(back, places)
        off = ((there + returned) ** 2).sum(-1)
        allowed = 0.01 * ((there**2).sum(-1) + (returned**2).sum(-1)) + 0.5
        inside = ((places >= 0) & (places < (width - 1, height - 1))).all(-1)
        return Motion(places, ((off <= allowed) & inside).astype(np.uint8) * 255)

    def sample(self, picture: Any, places: Floats, *, cubic: bool = False) -> Any:
        """Sample (H, W, ...) at places (H', W', 2): (H', W', ...), of its type."""
        how = self.cv2.INTER_CUBIC if cubic else self.cv2.INTER_LINEAR
        return self.cv2.remap(
            picture, places[..., 0], places[..., 1], how, borderMode=self.cv2.BORDER_REFLECT_101
        )

    def track(self, stills: Sequence[Still]) -> Tracks:
        """Follow the corners of the last of some frames back to the first, frame by frame."""
        now = stills[-1].luma
        corners = self.cv2.goodFeaturesToTrack(now, **CORNERS)
        if corners is None:
            none = np.zeros((0, (2 * RADIUS + 1) ** 2, 2), np.float32)
            return Tracks(none, none)
        places = corners
        for later, earlier in zip(stills[:0:-1], stills[-2::-1], strict=True):
            if not len(places):
                break
            found, steady = self._step(later.luma, earlier.luma, places)
            corners, places = corners[steady], found[steady]
        x, y = corners[:, 0], places[:, 0]
        height, width = now.shape
        edge = RADIUS + 1
        first, last = np.minimum(x, y), np.maximum(x, y)
        inside = ((first > edge) & (last < (width - 1 - edge, height - 1 - edge))).all(-1)
        offsets = grid(2 * RADIUS + 1, 2 * RADIUS + 1).reshape(1, -1, 2) - RADIUS
        return Tracks(x[inside][:, None] + offsets, y[inside][:, None] + offsets)

    def cuts(self, now: Still, before: Still, motion: Motion) -> bool:
        """Return whether a frame begins another scene than the one before it."""
        if np.count_nonzero(motion.seen) > FOLLOWED * motion.seen.size:
            return False
        height, width = now.luma.shape
        size = (max(1, width // 8), max(1, height // 8))
        moved = self.sample(before.luma, motion.places)
        a, b = (
            self.cv2.resize(luma, size, interpolation=self.cv2.INTER_AREA).astype(np.float64)
            for luma in (now.luma, moved)
        )
        spread = a.std() * b.std()
        if spread < FLAT**2:
            return False
        return bool(((a - a.mean()) * (b - b.mean())).mean() < ALIKE * spread)

    def _flow(self, now: NDArray[np.uint8], before: NDArray[np.uint8]) -> Floats:
        if not hasattr(self._own, "flow"):
            preset = self.cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
            self._own.flow = self.cv2.DISOpticalFlow_create(preset)
        flow: Floats = self._own.flow.calc(now, before, None)
        return flow

    def _step(
        self, now: NDArray[np.uint8], before: NDArray[np.uint8], places: Floats
    ) -> tuple[Floats, NDArray[np.bool_]]:
        follow = self.cv2.calcOpticalFlowPyrLK
        found, one, _ = follow(now, before, places, None, **WINDOW)
        back, two, _ = follow(before, now, found, None, **WINDOW)
        steady = (one.ravel() > 0) & (two.ravel() > 0)
        return found, steady & (np.abs(back - places).max(-1).ravel() < WAY_BACK)


def grid(height: int, width: int) -> Floats:
    """Return the place of every pixel, (H, W, 2)."""
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return np.stack(np.meshgrid(x, y), -1)
