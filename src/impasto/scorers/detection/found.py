"""What a model has found in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from impasto.scorers.detection import rle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from impasto.scorers.base import Record

PLACES, SHARES = 2, 4
"""Decimals of positions in pixels, and of scores."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An object in a picture, or what the whole picture is.

    Attributes:
        kind: the index of its class.
        label: the name of its class.
        score: from 0 to 1.
        box: left, top, right and bottom edge, in the picture's pixels; None is the whole picture.
        points: x, y and, if the model says so, the score of each keypoint, (K, 2 or 3), in the
            picture's pixels; or None.
        mask: bool, (H, W), the picture's size; or None.
    """

    kind: int
    label: str
    score: float
    box: tuple[float, float, float, float] | None = None
    points: NDArray[Any] | None = None
    mask: NDArray[Any] | None = None

    def record(self) -> Record:
        """Return it as a record; a mask is COCO's compressed run-length encoding."""
        record: Record = {"label": self.label, "score": round(self.score, SHARES)}
        if self.box:
            edges = zip(("x1", "y1", "x2", "y2"), self.box, strict=True)
            record |= {name: round(edge, PLACES) for name, edge in edges}
        if self.points is not None:
            record["keypoints"] = [
                [round(float(n), PLACES if axis < 2 else SHARES) for axis, n in enumerate(point)]
                for point in self.points
            ]
        if self.mask is not None:
            record["mask"] = rle.encode(self.mask)
        return record
