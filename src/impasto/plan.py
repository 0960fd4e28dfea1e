"""Pure planning: a source's facts in, shards out. Nothing here opens anything."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import PurePath
from typing import Literal

from impasto.errors import BadInput
from impasto.media import images
from impasto.media.target import FAMILIES
from impasto.spec import FrameFormat, JobSpec, OutputKind

SNAP = 0.25


def output_kind(spec: JobSpec, source: Literal["video", "image", "folder"]) -> OutputKind:
    """Decide what to make from what the source is and how the output is named.

    Raises:
        BadInput: that source cannot become that output.
    """
    suffix = PurePath(spec.output).suffix.lower()
    folder = spec.frames is not None or not suffix or spec.output.endswith("/")
    if source == "image":
        if folder or suffix in images.WRITABLE:
            return "folder" if folder else "image"
        raise BadInput(
            f"{spec.output}: an image becomes an image; name it {', '.join(images.WRITABLE)}"
        )
    if folder:
        return "folder"
    if suffix in FAMILIES:
        return "video"
    raise BadInput(
        f"{spec.output}: {suffix} cannot be written; choose {', '.join(FAMILIES)}, or a "
        "folder for images"
    )


def frame_names(start: int, stop: int, kind: FrameFormat | None) -> tuple[str, ...]:
    """Name a video's frames as images, counted from 1 as players do."""
    return tuple(f"{n + 1:06d}.{kind or 'png'}" for n in range(start, stop))


def cut_points(frames: int, size: int, keys: Sequence[int]) -> list[int]:
    """Cut a run of frames into even shards whose borders sit on keyframes where they can.

    A border that falls inside a group of pictures makes the next worker decode that group from
    its keyframe again, so a border moves to the nearest keyframe within a quarter of a shard.

    Args:
        frames: how many there are.
        size: frames of a shard, about.
        keys: the frames that are keyframes, ascending.

    Returns:
        The borders, from 0 to ``frames``, ascending, without repeats.
    """
    count = -(-frames // size)
    borders = {0, frames}
    for n in range(1, count):
        even = round(n * frames / count)
        borders.add(_snap(even, keys, int(size * SNAP)))
    return sorted(borders)


def _snap(border: int, keys: Sequence[int], reach: int) -> int:
    at = bisect_left(keys, border)
    near = [key for key in keys[max(0, at - 1) : at + 1] if abs(key - border) <= reach]
    return min(near, key=lambda key: abs(key - border), default=border)


def output_size(width: int, height: int, longest: int | None) -> tuple[int, int]:
    """Fit a picture's size, in pixels, under a longer side; never enlarges.

    Scaled sides are even, because 4:2:0 video wants them so.
    """
    if longest is None or max(width, height) <= longest:
        return width, height
    scale = longest / max(width, height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def check_range(start: int, stop: int, what: str) -> None:
    """Raise BadInput when a range holds no frames."""
    if start >= stop:
        raise BadInput(f"{what}: --start and --end leave no frame; widen the range")
