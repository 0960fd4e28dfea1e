"""Pictures of two videos in one coding and size, so that they can be put into one picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi, sin
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

from impasto.media.matrix import resolved
from impasto.media.read.planes import CHROMA, planes
from impasto.media.write.segment import laid_out

if TYPE_CHECKING:
    from impasto.media.frame import Frame, Layout, Plane
    from impasto.schema.source import VideoFacts

    Picture: TypeAlias = tuple[Plane, Plane, Plane]

Form: TypeAlias = Literal["side", "split"]

SWEEP = 6.0
"""Seconds in which the line between the halves of a split goes to the right and back."""

LINE = 2
"""Pixels of that line."""

EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
"""FFmpeg's default scaler darkens pictures by about one code value."""


@dataclass(frozen=True, slots=True)
class Pane:
    """How the pictures of a video are made to fit the others.

    Attributes:
        facts: the video's picture stream.
        layout: the planes that are wanted: upright, 4:2:0, of even width and height.
    """

    facts: VideoFacts
    layout: Layout

    def __call__(self, frame: Frame) -> Picture:
        """Return a picture upright, scaled and in the colours that are wanted."""
        turns, mirrored = orientation(self.facts)
        sides = (self.layout.width, self.layout.height)
        width, height = sides[::-1] if turns % 2 else sides
        given = frame.layout
        if 0 <= width - given.width <= 1 and 0 <= height - given.height <= 1:
            # Video of odd sizes is padded, not scaled.
            width, height = given.width, given.height
        y, u, v = _converted(frame, replace(self.layout, width=width, height=height))
        y, u, v = (_turned(plane, turns, mirrored) for plane in (y, u, v))
        half = (self.layout.height // 2, self.layout.width // 2)
        return (
            _filled(y, (self.layout.height, self.layout.width)),
            _filled(u, half),
            _filled(v, half),
        )


def orientation(facts: VideoFacts) -> tuple[int, bool]:
    """Return the quarter turns, counter-clockwise, that players make, and whether they mirror.

    The picture is mirrored first, left to right. Other angles count as the nearest quarter.
    """
    if facts.display_matrix is None:
        return 0, False
    a, b, _, c, d, *_ = facts.display_matrix
    mirrored = a * d - b * c < 0
    right = (-a, -b) if mirrored else (a, b)  # where the picture's right-hand side is shown
    if abs(right[0]) >= abs(right[1]):
        return (0 if right[0] >= 0 else 2), mirrored
    return (3 if right[1] > 0 else 1), mirrored


def side(before: Picture, after: Picture) -> Picture:
    """Put two pictures beside each other."""
    y, u, v = (np.concatenate(pair, axis=1) for pair in zip(before, after, strict=True))
    return cast("Picture", (y, u, v))


def split(before: Picture, after: Picture, seconds: float, layout: Layout) -> Picture:
    """Show one picture to the left of a line that moves, and the other one to its right.

    Args:
        before: the picture on the left.
        after: the picture on the right.
        seconds: the time since the first picture.
        layout: how both are coded.
    """
    share = 0.5 + 0.5 * sin(2 * pi * seconds / SWEEP)
    column = int(share * (layout.width - LINE)) // 2 * 2
    unit = 1 << layout.depth - 8
    white = (256 * unit - 1) if layout.colour.full_range else 235 * unit
    y = _divided(before[0], after[0], slice(column, column + LINE), white)
    line = slice(column // 2, (column + LINE) // 2)
    u, v = (_divided(before[n], after[n], line, 128 * unit) for n in (1, 2))
    return y, u, v


def _divided(left: Plane, right: Plane, line: slice, value: int) -> Plane:
    made = right.copy()
    made[:, : line.start] = left[:, : line.start]
    made[:, line] = value
    return made


def _converted(frame: Frame, wanted: Layout) -> Picture:
    given = frame.layout
    same = resolved(given) == resolved(wanted)
    ranges = [ColorRange(1 + bool(each.colour.full_range)) for each in (given, wanted)]
    if same and ranges[0] == ranges[1] and _shape(given) == _shape(wanted):
        y, u, v = frame.planes
        return y, u, v
    picture = as_frame(frame)
    matrices = [resolved(given), resolved(wanted)]
    if given.chroma is None:
        ranges[0] = ColorRange.JPEG
    elif not same:
        # FFmpeg may leave the matrix alone on its way from one YUV format to another.
        picture = picture.reformat(
            format="rgb48le",
            src_colorspace=matrices[0],
            src_color_range=ranges[0],
            dst_color_range=ColorRange.JPEG,
            interpolation=EXACT,
            threads=1,
        )
        ranges[0] = ColorRange.JPEG
    picture = picture.reformat(
        wanted.width,
        wanted.height,
        f"yuv420p{_suffix(wanted)}",
        src_colorspace=matrices[1],
        dst_colorspace=matrices[1],
        src_color_range=ranges[0],
        dst_color_range=ranges[1],
        interpolation=EXACT,
        threads=1,
    )
    y, u, v = planes(picture, picture.format.name)
    return y, u, v


def _shape(layout: Layout) -> tuple[object, ...]:
    return layout.width, layout.height, layout.depth, layout.chroma


def _suffix(layout: Layout) -> str:
    return "" if layout.depth == 8 else f"{layout.depth}le"


def as_frame(frame: Frame) -> av.VideoFrame:
    """Return a frame as FFmpeg holds it, in the same layout, without transparency."""
    layout = frame.layout
    if layout.chroma is None:
        name = "rgb24" if layout.depth == 8 else "rgb48le"
        return av.VideoFrame.from_ndarray(frame.planes[0], format=name)
    digits = next(digits for digits, chroma in CHROMA.items() if chroma == layout.chroma)
    name = f"yuv{digits}p{_suffix(layout)}"
    return laid_out(frame.planes[:3], layout.width, layout.height, name)


def _turned(plane: Plane, turns: int, mirrored: bool) -> Plane:
    return np.rot90(plane[:, ::-1] if mirrored else plane, turns)


def _filled(plane: Plane, shape: tuple[int, int]) -> Plane:
    """Return a plane with its last line and column repeated up to a shape."""
    rows, columns = shape[0] - plane.shape[0], shape[1] - plane.shape[1]
    if not rows and not columns:
        return plane
    return cast("Plane", np.pad(plane, ((0, rows), (0, columns)), "edge"))
