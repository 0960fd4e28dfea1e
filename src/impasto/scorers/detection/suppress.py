"""Non-maximum suppression: of boxes of one class that overlap, the best one stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def suppress(
    boxes: NDArray[Any], scores: NDArray[Any], kinds: NDArray[Any], iou: float, most: int
) -> NDArray[np.intp]:
    """Return the indices of the boxes that stay, the best first.

    Args:
        boxes: left, top, right and bottom edges, (N, 4).
        scores: (N,); of equal ones, the first box is the better one.
        kinds: classes, (N,); boxes of two classes never suppress each other.
        iou: the share of their union that two boxes may have in common.
        most: how many may stay.
    """
    # Far apart, classes do not meet, so that one pass serves all of them.
    apart = kinds[:, None].astype(np.float64) * (np.ptp(boxes) + 1 if boxes.size else 1)
    corners = boxes.astype(np.float64) + apart
    areas = np.prod(np.clip(corners[:, 2:] - corners[:, :2], 0, None), axis=1)
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size and len(kept) < most:
        best, order = order[0], order[1:]
        kept.append(best)
        low = np.maximum(corners[best, :2], corners[order, :2])
        high = np.minimum(corners[best, 2:], corners[order, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        union = areas[best] + areas[order] - shared
        order = order[shared <= iou * union]
    return np.array(kept, np.intp)
