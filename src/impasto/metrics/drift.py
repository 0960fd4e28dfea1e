"""Where a picture's mean colour is, so that it can be told how far an output's wanders.

Colours are read as sRGB (IEC 61966-2-1), and are told in CIE 1976 L*a*b* under D65 (CIE 15), where
a distance of about 2 is just seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TO_XYZ = (
    (0.4124, 0.3576, 0.1805),
    (0.2126, 0.7152, 0.0722),
    (0.0193, 0.1192, 0.9505),
)
WHITE = np.sum(TO_XYZ, 1)
DARK = 216 / 24389
"""Share of white from which lightness is a cube root."""


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn RGB in [0, 1], (N, 3), into L*, a* and b*, (N, 3)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    share = linear @ np.transpose(TO_XYZ) / WHITE
    root = np.where(share > DARK, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def wandered(now: NDArray[np.float64], before: NDArray[np.float64]) -> tuple[float, ...]:
    """Return how far each video's mean colour has moved beside the first one's, in L*a*b*.

    Args:
        now: of each video, (N, 3).
        before: the same of an earlier frame.
    """
    moved = (now - now[0]) - (before - before[0])
    return tuple(np.sqrt((moved**2).sum(-1)).tolist())
