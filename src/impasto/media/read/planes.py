"""The samples of a decoded picture as arrays, with as little conversion as possible."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from av.video.format import VideoFormat

from impasto.media.frame import Layout

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane

    from impasto.media.frame import Plane
    from impasto.schema.source import VideoFacts

_PLANAR = re.compile(r"yuv[aj]?(410|411|420|422|440|444)p(?:\d+le)?")
CHROMA = {
    "410": (2, 2),
    "411": (2, 0),
    "420": (1, 1),
    "422": (1, 0),
    "440": (0, 1),
    "444": (0, 0),
}
"""By the digits in FFmpeg's names: log2 of the chroma sub-sampling (across, down)."""
_REPACKED = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "p010le": "yuv420p10le",
    "p210le": "yuv422p10le",
}
"""Layouts that FFmpeg only has to repack, without changing any sample."""


@dataclass(frozen=True, slots=True)
class _Target:
    """The layout in which samples are taken; ``name`` is FFmpeg's, of the format to convert to."""

    name: str
    depth: int
    chroma: tuple[int, int] | None
    grey: bool = False


def layout(facts: VideoFacts) -> Layout:
    """Return the layout of the planes of every frame of this video."""
    target = _target(facts.pixel_format)
    return Layout(facts.width, facts.height, target.depth, target.chroma, facts.colour)


def planes(picture: VideoFrame, pixel_format: str, *, alpha: bool = False) -> tuple[Plane, ...]:
    """Copy a picture's planes.

    Args:
        picture: a decoded frame.
        pixel_format: the video's own format, to which a frame of another is converted.
        alpha: whether transparency is copied too.

    Returns:
        Y, U and V as (H, W), (h, w), (h, w), or one RGB plane (H, W, 3); then transparency (H, W),
        if it is wanted and there. Grey pictures get neutral chroma as 4:2:0.
    """
    target = _target(pixel_format)
    if alpha and target.chroma is None:
        picture = picture.reformat(format="rgba" if target.depth == 8 else "rgba64le")
        mixed = _samples(picture.planes[0], target.depth, 4)
        return mixed[..., :3].copy(), mixed[..., 3].copy()
    if picture.format.name != target.name:
        picture = picture.reformat(format=target.name)
    if target.chroma is None:
        return (_samples(picture.planes[0], target.depth, 3),)
    found = tuple(_samples(p, target.depth) for p in picture.planes[: 4 if alpha else 3])
    return found[:1] + _neutral(found[0], target.depth) if target.grey else found


@cache
def _target(pixel_format: str) -> _Target:
    name = _REPACKED.get(pixel_format, pixel_format)
    depth = max(c.bits for c in VideoFormat(name).components)
    if found := _PLANAR.fullmatch(name):
        return _Target(name, depth, CHROMA[found[1]])
    if re.fullmatch(r"gray(\d+le)?", name):
        return _Target(name, depth, (1, 1), grey=True)
    return _Target("rgb24", 8, None) if depth <= 8 else _Target("rgb48le", 16, None)


def _samples(plane: VideoPlane, depth: int, channels: int = 1) -> Plane:
    """Copy samples without the padding at the end of lines: (H, W) or (H, W, channels)."""
    stored = memoryview(plane)
    samples: Plane = np.frombuffer(stored, np.uint8) if depth == 8 else np.frombuffer(stored, "<u2")
    stride = plane.line_size // samples.itemsize
    rows = samples[: plane.height * stride].reshape(plane.height, stride)
    shape = (plane.height, plane.width, channels)[: 3 if channels > 1 else 2]
    # A copy in any case: decoders reuse their buffers.
    return rows[:, : plane.width * channels].copy().reshape(shape)


def _neutral(luma: Plane, depth: int) -> tuple[Plane, Plane]:
    """Make chroma planes without colour, as 4:2:0."""
    shape = [(n + 1) // 2 for n in luma.shape]
    return np.full(shape, 1 << (depth - 1), luma.dtype), np.full(
        shape, 1 << (depth - 1), luma.dtype
    )
