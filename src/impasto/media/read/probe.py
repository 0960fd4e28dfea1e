"""The facts of a video, from its header and its first frames."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from fractions import Fraction
from itertools import islice, pairwise
from struct import unpack
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError

from impasto.media.read.packets import decoded, pictures, retimed
from impasto.schema.source import Colour, Light, Mastering, VideoFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import InputContainer
    from av.sidedata.sidedata import SideData
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

PROBE_FRAMES = 16
"""Frames decoded to learn whether packets and frames agree."""

DEFAULT_RATE = Fraction(25)
"""Frames per second assumed where a file does not say, as FFmpeg does."""

_FULL_RANGE = {1: False, 2: True}
_DYNAMIC = {
    "DOVI_METADATA": "Dolby Vision",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
}
"""What people call each kind of data for HDR displays that changes with the pictures."""


def first_frames(
    container: InputContainer,
    stream: VideoStream,
    reorder: int,
    moved: Mapping[int, int | None],
) -> tuple[VideoFrame | None, list[int | None], bool]:
    """Decode the first ``PROBE_FRAMES``.

    ``moved`` holds timestamps that are wrong in the file.

    Returns:
        The first frame, the timestamps of all in decoded order, and whether one is interlaced.
    """
    stream.codec_context.reorder_depth = max(stream.codec_context.reorder_depth, reorder)
    first: VideoFrame | None = None
    times: list[int | None] = []
    interlaced = False
    frames = decoded(stream.codec_context, retimed(pictures(container, stream), moved))
    for frame in islice(frames, PROBE_FRAMES):
        first = first or frame
        times.append(frame.pts)
        interlaced = interlaced or frame.interlaced_frame
    return first, times, interlaced


def video_facts(container: InputContainer, stream: VideoStream, frame: VideoFrame) -> VideoFacts:
    """Return the facts of a picture stream, from its header and its first frame."""
    aspect = stream.sample_aspect_ratio
    return VideoFacts(
        container=container.format.name,
        stream=stream.index,
        codec=stream.codec_context.name,
        pixel_format=frame.format.name,
        width=frame.width,
        height=frame.height,
        time_base=stream.time_base or 1 / DEFAULT_RATE,
        rate=stream.guessed_rate or stream.average_rate or DEFAULT_RATE,
        sample_aspect=aspect if aspect and aspect > 0 else Fraction(1),
        display_matrix=_display_matrix(frame),
        colour=_colour(frame),
        alpha=_alpha(stream, frame),
        mastering=mastering(frame),
        light=light(frame),
        dynamic=next((name for kind, name in _DYNAMIC.items() if frame.side_data.get(kind)), ""),
    )


def mastering(frame: VideoFrame) -> Mastering | None:
    """Return the display on which a video was graded; None where a frame does not say all of it.

    The data is FFmpeg's ``AVMasteringDisplayMetadata``: ten ratios and two flags.
    """
    found = cast("SideData | None", frame.side_data.get("MASTERING_DISPLAY_METADATA"))
    if found is None:
        return None
    *pairs, coloured, lit = unpack("22i", bytes(found))
    if not (coloured and lit and all(pairs[1::2])):
        return None
    numbers = [Fraction(*pair) for pair in zip(pairs[::2], pairs[1::2], strict=True)]
    try:
        return Mastering(
            primaries=tuple(round(number * 50_000) for number in numbers[:8]),
            brightest=round(numbers[9] * 10_000),
            darkest=round(numbers[8] * 10_000),
        )
    except ValidationError:
        return None


def light(frame: VideoFrame) -> Light | None:
    """Return how bright a video gets; None where a frame does not say."""
    found = cast("SideData | None", frame.side_data.get("CONTENT_LIGHT_LEVEL"))
    if found is None:
        return None
    brightest, average = unpack("2I", bytes(found)[:8])
    return Light(brightest=min(brightest, 65535), average=min(average, 65535))


def agree(pts: list[int], reorder: int, times: list[int | None]) -> bool:
    """Return whether the packets' timestamps are those of the first frames that came out.

    Missing frames are no reason for doubt: they are damaged, and a reader conceals them. Counting
    frames instead would leave them out, and move all later ones against the sound.

    Args:
        pts: the timestamps of all packets that are shown, ascending.
        reorder: how far the packets' order lags behind that of their timestamps.
        times: the timestamps of the first frames, in decoded order.
    """
    found = [t for t in times if t is not None]
    if not found or not set(found) <= set(pts):
        return False
    back = sum(later <= earlier for earlier, later in pairwise(found))
    # Damage upsets the order here and there. Wrong timestamps do so throughout, and mostly come
    # from a container, such as AVI, that stores no order but that of its packets.
    wrong = back > 0 if reorder == 0 else 4 * back > len(found)
    span = pts[bisect_left(pts, found[0]) : bisect_right(pts, found[-1])]
    halves = len(found) >= PROBE_FRAMES // 2 and found == span[::2]  # a packet holds one field
    return not wrong and not halves


def _alpha(stream: VideoStream, frame: VideoFrame) -> bool:
    """Return whether a video has transparency, which VP8 and VP9 keep outside their pictures."""
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    if stream.codec_context.name == "gif":
        # Decoded as transparent in any case; later pictures are laid over the first.
        return bool(frame.reformat(format="bgra").to_ndarray()[..., 3].min() < 255)
    return tags.get("alpha_mode") == "1" or any(c.is_alpha for c in frame.format.components)


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    found = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    return None if found is None else unpack("9i", bytes(found))


def _colour(frame: VideoFrame) -> Colour:
    full = True if "yuvj" in frame.format.name else _FULL_RANGE.get(frame.color_range)
    return Colour(
        matrix=frame.colorspace,
        full_range=full,
        primaries=frame.color_primaries,
        transfer=frame.color_trc,
    )
