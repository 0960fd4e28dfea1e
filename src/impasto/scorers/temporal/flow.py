"""Carry a picture along with a video's motion.

Kroeger, Timofte, Dai, Van Gool, "Fast Optical Flow using Dense Inverse Search", 2016
(arXiv:1603.03590), as OpenCV has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

from impasto.scorers.temporal import opencv

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

BLUR = 9
DOUBT = 12 / 255
"""Error of luma, blurred, from which the flow is no longer believed."""


class Flow:
    """Follows motion from one picture to another of the same size."""

    def __init__(self) -> None:
        """Load OpenCV; raises BadInput where it is missing."""
        cv2 = opencv.load("set `init=feed-forward`")
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def follow(self, before: Tensor, now: Tensor, carried: Tensor) -> tuple[Tensor, Tensor]:
        """Move a picture along the motion between two others.

        Args:
            before: RGB in [0, 1], (1, 3, H, W).
            now: a later picture, of the same shape.
            carried: the picture that belongs to ``before``, (1, 3, H, W).

        Returns:
            The picture that then belongs to ``now``, (1, 3, H, W), and where to believe it, (1, 1,
            H, W): not where the motion does not explain ``now``, as at cuts. Values are moved,
            never mixed, since mixing would smooth the strokes, whose statistics matter.
        """
        old, new = _luma(before), _luma(now)
        motion = self._flow.calc(_codes(new), _codes(old), None)
        grid = _grid(torch.from_numpy(motion).to(now))
        error = (F.grid_sample(old, grid, "bilinear", "border", align_corners=False) - new).abs()
        blurred = F.avg_pool2d(error, BLUR, 1, BLUR // 2, count_include_pad=False)
        moved = F.grid_sample(carried, grid, "nearest", "border", align_corners=False)
        return moved, blurred < DOUBT


def _luma(picture: Tensor) -> Tensor:
    """Return BT.709's luma of RGB in [0, 1], (1, 3, H, W), as (1, 1, H, W)."""
    weights = picture.new_tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)
    return (picture * weights).sum(1, keepdim=True)


def _codes(luma: Tensor) -> NDArray[np.uint8]:
    """Turn luma in [0, 1], (1, 1, H, W), into bytes, (H, W)."""
    codes: NDArray[np.uint8] = (luma[0, 0] * 255).round().clamp(0, 255).byte().cpu().numpy()
    return codes


def _grid(motion: Tensor) -> Tensor:
    """Turn motion in pixels, (H, W, 2), into positions for `grid_sample`, (1, H, W, 2)."""
    height, width = motion.shape[:2]
    y = torch.arange(height, device=motion.device) + 0.5
    x = torch.arange(width, device=motion.device) + 0.5
    places = torch.stack(torch.meshgrid(x, y, indexing="xy"), 2) + motion
    return (places / places.new_tensor([width, height]) * 2 - 1)[None]
