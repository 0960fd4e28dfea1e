"""Limits to what one job may take on, checked before the job is submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.errors import BadInput

if TYPE_CHECKING:
    from impasto.driver.open_job import OpenJob

_REMEDY = "make it smaller, or raise {} in the rule"
_NOUNS = {"video": "frames", "image": "images", "folder": "images", "files": "files"}


def check_weight(
    opened: OpenJob,
    *,
    max_objects: int | None = None,
    max_frames: int | None = None,
    max_pixels: int | None = None,
) -> None:
    """Refuse a job whose source holds more than a rule takes, before any of it is decoded.

    A look into a video is the one that its plan needs, too. Of images, the first bytes of each are
    read; of a table, if its rows are limited, all of it.

    Args:
        opened: the job.
        max_objects: files or objects of the source.
        max_frames: items that the job takes: frames, images, files or rows.
        max_pixels: of the largest picture or frame, by what its file states.

    Raises:
        BadInput: the source is over a limit, or cannot be read.
        Unavailable: its store does not answer.
    """
    source, name = opened.source, opened.source_url.name
    if max_objects is not None and (objects := source.objects()) > max_objects:
        raise _over(name, f"has {objects:,} files", max_objects, "max_objects")
    if max_frames is not None and (count := source.count(opened.spec)) > max_frames:
        noun = _NOUNS.get(source.kind, "rows")
        raise _over(name, f"has {count:,} {noun}", max_frames, "max_frames")
    largest = None if max_pixels is None else source.largest(opened.spec)
    if largest and max_pixels and largest.width * largest.height > max_pixels:
        fact = f"is {largest.width}x{largest.height}"
        raise _over(largest.name, fact, max_pixels, "max_pixels", " pixels")


def _over(name: str, fact: str, limit: int, field: str, unit: str = "") -> BadInput:
    return BadInput(f"{name}: {fact}, over {limit:,}{unit}", _REMEDY.format(field))
