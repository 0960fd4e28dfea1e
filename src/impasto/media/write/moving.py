"""Short videos of small pictures, to be looked at in a browser."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from impasto.media.compare.pane import EXACT
from impasto.media.frame import output_size
from impasto.media.write.sink import BITEXACT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.video.stream import VideoStream
    from numpy.typing import NDArray

CLOCK = Fraction(1, 90_000)
BT709 = 1
"""Matrix, primaries and transfer of HD video, as ITU-T H.273 code points."""


def moving(
    pictures: Iterable[tuple[Fraction, NDArray[np.uint8]]],
    rate: Fraction,
    side: int,
    aspect: Fraction = Fraction(1),
) -> bytes:
    """Encode pictures as MP4 with H.264 in 8 bits, which every browser plays.

    Args:
        pictures: each with its moment in seconds, ascending from 0, upright in RGB: (H, W, 3).
        rate: frames per second, approximately.
        side: maximum of the longer side, in pixels.
        aspect: width over height of one pixel.

    Returns:
        The file, or b"" if there are no pictures.
    """
    held = io.BytesIO()
    shown = ((moment, _fitted(picture, side, aspect)) for moment, picture in pictures)
    first = next(shown, None)
    if first is None:
        return b""
    options = {"video_track_timescale": str(CLOCK.denominator)}
    with av.open(held, "w", format="mp4", container_options=options) as out:
        out.flags |= BITEXACT
        stream = _stream(out, first[1], rate)
        for moment, picture in (first, *shown):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
                interpolation=EXACT,
            )
            frame.pts, frame.time_base = round(moment / CLOCK), CLOCK
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return held.getvalue()


def _stream(out: Any, picture: NDArray[np.uint8], rate: Fraction) -> VideoStream:
    options = {"crf": "18", "preset": "veryfast", "x264-params": "log=-1"}
    stream: VideoStream = out.add_stream(
        "libx264", rate=rate.limit_denominator(1001), options=options
    )
    context = stream.codec_context
    context.height, context.width = picture.shape[:2]
    context.pix_fmt, context.time_base, context.thread_count = "yuv420p", CLOCK, 1
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = 1
    return stream


def _fitted(picture: NDArray[np.uint8], side: int, aspect: Fraction) -> NDArray[np.uint8]:
    """Return a picture with square pixels, small, with even sides as 4:2:0 needs them."""
    image = Image.fromarray(picture)
    wide, tall = image.width * max(aspect, Fraction(1)), image.height / min(aspect, Fraction(1))
    width, height = output_size(round(wide), round(tall), side)
    even = (max(2, width // 2 * 2), max(2, height // 2 * 2))
    return np.asarray(image.resize(even, Image.Resampling.LANCZOS) if image.size != even else image)
