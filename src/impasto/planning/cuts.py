"""Pure planning: a source's facts in, shards out. Nothing here opens anything."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import PurePath
from typing import Literal

from impasto.errors import BadInput
from impasto.media import images
from impasto.media.write.target import FAMILIES
from impasto.schema import FrameFormat, Items, JobSpec, OutputKind
from impasto.tables import write

SourceKind = Literal["video", "image", "folder", "files", "table"]
"""What a source is: ``folder`` stands for all that names many images."""
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
SNAP = 0.25
RECORDS = write.SUFFIXES

_REMEDIES = {
    "pictures": "a video, an image or a folder",
    "records": ", ".join(RECORDS),
    "files": "a folder",
}


def is_table(name: str) -> bool:
    """Tell by its name whether a file is a table."""
    return name.lower().endswith(TABLES)


def items_of(spec: JobSpec, takes: Sequence[Items]) -> Items:
    """Decide what a source is taken for: what is asked, else what it and the scorer suggest.

    A table is its rows to a scorer that takes rows; to any other it names what is to be scored.

    Args:
        spec: the job.
        takes: what its scorer can score, the most usual first.

    Raises:
        BadInput: the scorer does not take that.
    """
    others = [items for items in takes if items != "rows"]
    table = is_table(PurePath(spec.source).name)
    items = spec.items or ("rows" if "rows" in takes and (table or not others) else others[0])
    if items not in takes:
        raise BadInput(f"scorer {spec.scorer}: does not take {items}; choose {', '.join(takes)}")
    if items == "rows" and not table:
        raise BadInput(f"{spec.source}: is no table; rows come from {', '.join(TABLES)}")
    return items


def output_kind(
    spec: JobSpec, source: SourceKind, gives: Sequence[str], *, is_folder: bool
) -> OutputKind:
    """Decide what to make from what the source is and how the output is named.

    Args:
        spec: the job.
        source: what the source is.
        gives: what the scorer can make: pictures, records, files.
        is_folder: whether a folder is at the output already.

    Raises:
        BadInput: that source or scorer cannot give that output, or the options contradict
            each other.
    """
    suffix = PurePath(spec.output).suffix.lower()
    folder = is_folder or not suffix or spec.output.endswith("/")
    if spec.fps is not None and (source == "video" or suffix not in FAMILIES):
        raise BadInput(f"{spec.source}: --fps is for videos made from images; leave it out")
    if suffix in RECORDS and not spec.frames and (is_folder or spec.output.endswith("/")):
        raise BadInput(f"{spec.output}: is named as a file of records, but is a folder; rename it")
    if suffix in RECORDS and spec.frames:
        raise BadInput(f"{spec.output}: is a file of records; --frames needs a folder")
    if suffix in RECORDS:
        made: OutputKind = "records"
    elif source in {"files", "table"}:
        made = _files_kind(spec, source, folder=folder)
    else:
        made = _picture_kind(spec, source, suffix, is_folder=is_folder)
    _check_given(spec, made, gives)
    return made


def _check_given(spec: JobSpec, made: OutputKind, gives: Sequence[str]) -> None:
    """Refuse an output that is not what the scorer gives."""
    needed = made if made in {"records", "files"} else "pictures"
    if needed in gives:
        return
    choices = [_REMEDIES[each] for each in gives]
    raise BadInput(
        f"{spec.output}: scorer {spec.scorer} gives no {needed}; choose {' or '.join(choices)}"
    )


def _files_kind(spec: JobSpec, source: SourceKind, *, folder: bool) -> OutputKind:
    """What becomes of files or rows when the output is no file of records."""
    if source == "table":
        raise BadInput(f"{spec.output}: rows become records; choose {', '.join(RECORDS)}")
    if not folder or spec.frames:
        raise BadInput(
            f"{spec.output}: files cannot become pictures; choose {', '.join(RECORDS)}, or a folder"
        )
    return "files"


def _picture_kind(spec: JobSpec, source: SourceKind, suffix: str, *, is_folder: bool) -> OutputKind:
    """What becomes of pictures when the output is no file of records."""
    named = suffix in FAMILIES or suffix in images.WRITABLE
    if named and (is_folder or spec.frames or spec.output.endswith("/")):
        raise BadInput(f"{spec.output}: is named as a file, but images need a folder; rename it")
    if source == "image" and suffix in images.WRITABLE:
        return "image"
    if is_folder or spec.frames or not suffix or spec.output.endswith("/"):
        return "folder"
    if source != "image" and suffix in FAMILIES:
        return "video"
    kinds = images.WRITABLE if source == "image" else FAMILIES
    what = {"image": "an image", "folder": "a folder of images", "video": "a video"}[source]
    raise BadInput(
        f"{spec.output}: {what} cannot become {suffix}; choose {', '.join(kinds)}, a folder, or "
        f"records: {', '.join(RECORDS)}"
    )


def frame_names(start: int, stop: int, kind: FrameFormat | None) -> tuple[str, ...]:
    """Name a video's frames as images, counted from 1 as players do."""
    return tuple(f"{n + 1:06d}.{kind or 'png'}" for n in range(start, stop))


def cut_points(frames: int, size: int, keys: Sequence[int], least: int = 1) -> list[int]:
    """Cut a run of frames into even shards whose borders sit on keyframes where they can.

    A border that falls inside a group of pictures makes the next worker decode that group from
    its keyframe again, so a border moves to the nearest keyframe within a quarter of a shard.

    Args:
        frames: how many there are.
        size: frames of a shard, about.
        keys: the frames that are keyframes, ascending.
        least: frames of the shortest shard, where even ones have as many.

    Returns:
        The borders, from 0 to ``frames``, ascending, without repeats.
    """
    count = -(-frames // size)
    borders = {0, frames}
    reach = int(size * SNAP)
    if least > 1:
        # Two neighbours may move towards each other.
        reach = min(reach, max(0, frames // count - least) // 2)
    for n in range(1, count):
        even = round(n * frames / count)
        borders.add(_snap(even, keys, reach))
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
