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


def output_kind(
    spec: JobSpec, source: Literal["video", "image", "folder"], *, is_folder: bool
) -> OutputKind:
    """Decide what to make from what the source is and how the output is named.

    Args:
        spec: the job.
        source: what the source is.
        is_folder: whether a folder is at the output already.

    Raises:
        BadInput: that source cannot become that output, or the options contradict each other.
    """
    suffix = PurePath(spec.output).suffix.lower()
    named = suffix in FAMILIES or suffix in images.WRITABLE
    if spec.fps is not None and source == "video":
        raise BadInput(f"{spec.source}: has its own rate; --fps is for videos made from images")
    if named and (is_folder or spec.frames or spec.output.endswith("/")):
        raise BadInput(f"{spec.output}: is named as a file, but images need a folder; rename it")
    folder = is_folder or spec.frames or not suffix or spec.output.endswith("/")
    if source == "image" and suffix in images.WRITABLE:
        return "image"
    if folder:
        return "folder"
    if source != "image" and suffix in FAMILIES:
        return "video"
    kinds = images.WRITABLE if source == "image" else FAMILIES
    what = {"image": "an image", "folder": "a folder of images", "video": "a video"}[source]
    raise BadInput(
        f"{spec.output}: {what} cannot become {suffix}; choose {', '.join(kinds)}, or a folder"
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
    return max(2, int(width * scale / 2) * 2), max(2, int(height * scale / 2) * 2)


def check_range(start: int, stop: int, what: str) -> None:
    """Raise BadInput when a range holds no frames."""
    if start >= stop:
        raise BadInput(f"{what}: no frame lies in that range of time; widen --start and --end")
