"""The matrices between RGB and code values, and which one a video has that names none.

Untagged video is taken as BT.709 when larger than standard definition, else BT.601, as players do.
Sources: ITU-T H.273 (code points), BT.601, BT.709, BT.2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.media.frame import Layout

WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""By matrix code point: the weights of red and blue in luma; green has the rest."""

_SD = (1024, 576)
"""The largest standard-definition picture, in pixels."""


def resolved(layout: Layout) -> int:
    """Return the code point of the matrix with which a layout's planes are read."""
    if layout.colour.matrix in WEIGHTS:
        return layout.colour.matrix
    return 1 if layout.width > _SD[0] or layout.height > _SD[1] else 6
