"""Tags and chapters: what a container can keep of them, measured by writing and reading them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from impasto.media.join.labels import language

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from av.container.core import Chapter

    from impasto.media.formats import Family

_STALE = {
    "bps",
    "compatible_brands",
    "duration",
    "encoder",
    "major_brand",
    "minor_version",
    "number_of_bytes",
    "number_of_frames",
    "software",
    "vendor_id",
}
"""Tags that describe a file's bytes and not its content."""

_MOV = "album artist comment copyright creation_time date genre location make model timecode title"
_MP4 = (
    "album album_artist artist comment compilation composer copyright creation_time date "
    "description disc episode_id episode_sort gapless_playback genre grouping hd_video keywords "
    "location lyrics media_type network season_number show synopsis timecode title track"
)
_PLACES: dict[Family, frozenset[str]] = {
    "mp4": frozenset(_MP4.split()),
    "mov": frozenset(_MOV.split()),
}
_TRACK = frozenset({"creation_time", "handler_name", "language", "timecode", "title"})


class Window(NamedTuple):
    """A half-open range of time in seconds."""

    start: Fraction
    end: Fraction


def file_tags(tags: Mapping[str, str], family: Family) -> tuple[dict[str, str], list[str]]:
    """Split a file's tags, by lower-case name, into those to write and the names of those lost."""
    lasting = _lasting(tags)
    places = _PLACES.get(family, frozenset(lasting))
    kept = {name: value for name, value in lasting.items() if name in places}
    localised = {name.split("-")[0] for name in kept}
    return kept, [name for name in lasting if name.split("-")[0] not in localised]


def track_tags(tags: Mapping[str, str], family: Family) -> dict[str, str]:
    """Return the tags of a stream to write, by lower-case name; a title is always ``title``."""
    lasting = _lasting(tags)
    if "name" in lasting:
        lasting.setdefault("title", lasting.pop("name"))
    if family in _PLACES:
        lasting = {name: value for name, value in lasting.items() if name in _TRACK}
    else:
        lasting.pop("handler_name", None)
    spoken = language(lasting.pop("language", None), family)
    if spoken not in {None, "und"}:
        lasting["language"] = str(spoken)
    return lasting


def chapters(
    found: Iterable[Chapter], shift: Fraction, window: Window | None = None
) -> list[Chapter]:
    """Move chapters to earlier times, cut to a range.

    Args:
        found: the source's chapters.
        shift: seconds to subtract.
        window: the range of the source's time that is kept, or None for all.
    """
    moved: list[Chapter] = []
    for chapter in found:
        unit = chapter["time_base"] or Fraction(1)
        start, end = chapter["start"] * unit, chapter["end"] * unit
        if window:
            start, end = max(start, window.start), min(end, window.end)
            if start >= end:
                continue
        ticks = [max(0, round((time - shift) / unit)) for time in (start, end)]
        moved.append({**chapter, "start": ticks[0], "end": ticks[1]})
    return moved


def _lasting(tags: Mapping[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in tags.items()}
    return {
        name: value
        for name, value in lower.items()
        if name.split("-")[0] not in _STALE
        and not name.startswith("_statistics")
        # Not a real date: FFmpeg reads it where none was set, and cannot write it.
        and not (name == "creation_time" and value.startswith("1970-01-01T00:00:00"))
    }
