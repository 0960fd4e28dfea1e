"""Tags and chapters: what a container can keep of them, measured by writing and reading them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from impasto.media.join.labels import language

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from av.container.core import Chapter

    from impasto.media.formats import Family

_STALE = {
    "alpha_mode",
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
"""Tags that describe a file's bytes, or pictures before they are scored, and not its content."""

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
_READ = (
    "account_id account_type category chapter director disclaimer edit_date episode_uid "
    "firmware host_computer name original_artist original_format original_source performers "
    "playback_requirements podcast premiere_version producer purchase_date quicktime_version "
    "rating rotate sort_album sort_album_artist sort_artist sort_composer sort_name sort_show "
    "subtitle url warning xmp"
)
_ATOMS = frozenset(f"{_MOV} {_MP4} {_READ}".split())
"""Tags that have a place of their own in MP4 and QuickTime; FFmpeg writes to some of them only."""

_ITUNES = ("itun", "encoding params", "cdec")
"""How the names of tags begin that iTunes keeps in yet another place."""

_TRACK = frozenset({"creation_time", "handler_name", "language", "timecode", "title"})


class Window(NamedTuple):
    """A half-open range of time in seconds."""

    start: Fraction
    end: Fraction


def in_keys(tags: Mapping[str, str], demuxer: str, family: Family, *, cover: bool) -> bool:
    """Return whether a file's tags are to be written as QuickTime's keys, as the source's are.

    Keys hold tags of any name, such as a camera's. They take the place of the usual tags, which
    more players know, and of a cover; so they are used only for a source that has them.

    Args:
        tags: the source's tags.
        demuxer: FFmpeg's name of what reads the source.
        family: the output's container.
        cover: whether the source has a cover.
    """
    if "mov" not in demuxer or family not in _PLACES or (cover and family == "mp4"):
        return False
    names = {name.split("-")[0] for name in _lasting(tags)}
    return any(name not in _ATOMS and not name.startswith(_ITUNES) for name in names)


def file_tags(
    tags: Mapping[str, str], family: Family, *, keys: bool = False
) -> tuple[dict[str, str], list[str]]:
    """Split a file's tags into those to write and the names of those lost.

    Args:
        tags: the source's tags.
        family: the output's container.
        keys: whether they are written as keys, see ``in_keys``; these keep the case of their names.
    """
    lasting = _lasting(tags)
    if keys:
        return {name: value for name, value in tags.items() if name.lower() in lasting}, []
    places = _PLACES.get(family, frozenset(lasting))
    kept = {name: value for name, value in lasting.items() if name in places}
    localised = {name.split("-")[0] for name in kept}
    return kept, [name for name in lasting if name.split("-")[0] not in localised]


def same_tag(name: str, before: str, after: str | None, family: Family) -> bool:
    """Return whether a tag has kept its meaning: containers spell times and places in their way."""
    if after is None or before == after:
        return before == after
    if name.lower() == "creation_time":
        moments = _moment(before), _moment(after)
        if None in moments:
            return False
        old, new = (moment.replace(microsecond=0) for moment in moments if moment)
        return moments[0] == moments[1] or (family in _PLACES and old == new)
    if name.lower().split("-")[0] == "location":
        old_place, new_place = _place(before), _place(after)
        return len(old_place) == len(new_place) and all(
            abs(a - b) < _NEAR for a, b in zip(old_place, new_place, strict=True)
        )
    return False


_NEAR = 1e-4
"""The precision of a place in MP4, in degrees and metres."""


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _place(text: str) -> list[float]:
    """Return the latitude, longitude and height in an ISO 6709 string; height 0 is left out."""
    numbers = [float(number) for number in re.findall(r"[+-]\d+(?:\.\d+)?", text)]
    return numbers if len(numbers) != 3 or numbers[2] else numbers[:2]


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
