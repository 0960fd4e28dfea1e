"""Small JPEG pictures of frames, to be looked at; no torch is needed."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from av.video.reformatter import ColorRange

from impasto.media.compare.pane import EXACT, as_frame, orientation
from impasto.media.frame import output_size
from impasto.media.matrix import resolved

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from impasto.media.frame import Frame
    from impasto.schema.source import VideoFacts

QUALITY = 82
_WIDEST = Fraction(8)
"""The most that pixels are stretched; a file may claim anything."""


def small_jpeg(frame: Frame, side: int, facts: VideoFacts | None = None) -> bytes:
    """Encode a frame as players show it.

    Args:
        frame: the frame.
        side: maximum of the picture's longer side, in pixels; it is never enlarged.
        facts: those of the frame's video, which say how it is turned and stretched; None for a
            still picture.
    """
    from PIL import Image

    stretch = facts.sample_aspect if facts else Fraction(1)
    stretch = min(max(stretch, 1 / _WIDEST), _WIDEST)
    wide = max(1, round(frame.layout.width * stretch))
    width, height = output_size(wide, frame.layout.height, side)
    rgb = _rgb(frame, width, height)
    if facts:
        turns, mirrored = orientation(facts)
        rgb = np.ascontiguousarray(np.rot90(rgb[:, ::-1] if mirrored else rgb, turns))
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def small_rgb(frame: Frame, side: int) -> NDArray[np.uint8]:
    """Return a frame in RGB, as it is coded and not as players turn it.

    Args:
        frame: the frame.
        side: maximum of the picture's longer side, in pixels.

    Returns:
        (H, W, 3).
    """
    return _rgb(frame, *output_size(frame.layout.width, frame.layout.height, side))


def _rgb(frame: Frame, width: int, height: int) -> NDArray[np.uint8]:
    """Return a frame in RGB and another size, (H, W, 3)."""
    from PIL import Image

    layout = frame.layout
    if layout.chroma is None and layout.depth == 8:
        picture = Image.fromarray(np.asarray(frame.planes[0], np.uint8))
        return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))
    full = layout.chroma is None or layout.colour.full_range
    made = as_frame(frame).reformat(
        width,
        height,
        "rgb24",
        src_colorspace=resolved(layout),
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=EXACT,
        threads=1,
    )
    return np.asarray(made.to_ndarray(), np.uint8)
