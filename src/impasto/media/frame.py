"""One decoded picture on its way from a reader to the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from impasto.schema.source import Colour

    Plane = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Layout:
    """The arrangement of a picture's samples in its planes.

    Attributes:
        width: luma width in pixels.
        height: luma height in pixels.
        depth: significant bits per sample (8 to 16); above 8 the planes are uint16.
        chroma: log2 of the chroma sub-sampling (across, down): (1, 1) is 4:2:0; None means that
            the picture is one interleaved RGB plane (H, W, 3).
        colour: the source's tags; untagged matrix and range are resolved by ``media.colour``.
    """

    width: int
    height: int
    depth: int
    chroma: tuple[int, int] | None
    colour: Colour


@dataclass(frozen=True, slots=True)
class About:
    """Facts about a still picture's file that a file made of it keeps.

    Attributes:
        exif: descriptive EXIF data, as files hold it, or b""; pixels are upright without it.
        dpi: pixels per inch, across and down, or None.
        lossless: whether its format can be lossy, and this file is not.
    """

    exif: bytes = b""
    dpi: tuple[float, float] | None = None
    lossless: bool = False


NOTHING = About()
"""No facts, as of a frame of a video."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture.

    Attributes:
        index: place in the source, from 0.
        planes: Y, U, V as (H, W), (h, w), (h, w); or one RGB plane (H, W, 3); then transparency
            (H, W) where it is read. Contiguous copies, uint8 when ``layout.depth`` is 8, else
            uint16. Odd sizes round chroma up.
        layout: how to read the planes.
        concealed: whether this repeats the previous picture because its own could not be decoded.
        about: facts about the file of a still picture.
        mask: shares of the scorer's picture in the result, uint8 of any size (H, W); None is all.
        pts: when a video shows it, in the stream's time base; None of a still picture.
    """

    index: int
    planes: tuple[Plane, ...]
    layout: Layout
    concealed: bool = False
    about: About = NOTHING
    pts: int | None = None
    mask: NDArray[np.uint8] | None = None

    @property
    def alpha(self) -> Plane | None:
        """The plane of transparency, if there is one."""
        beside = self.planes[1 if self.layout.chroma is None else 3 :]
        return beside[0] if beside else None


def output_size(width: int, height: int, longest: int | None) -> tuple[int, int]:
    """Fit a picture's size, in pixels, to a maximum longer side; never enlarge it.

    Scaled sides are even, because 4:2:0 video requires it.
    """
    if longest is None or max(width, height) <= longest:
        return width, height
    scale = longest / max(width, height)
    return max(2, int(width * scale / 2) * 2), max(2, int(height * scale / 2) * 2)
