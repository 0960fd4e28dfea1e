"""Compare what two videos hold besides pictures."""

from __future__ import annotations

from fractions import Fraction
from itertools import zip_longest
from typing import TYPE_CHECKING

from impasto.media.join.labels import flags, implied, language, same_language
from impasto.media.join.streams import carries, converts
from impasto.media.join.tags import file_tags, in_keys, same_tag, track_tags
from impasto.media.join.tracks import COVERS, REMADE, drop_reason
from impasto.media.names import codec, container
from impasto.media.verify.encoded import check_encoded, was_encoded
from impasto.media.verify.format import check_format
from impasto.media.verify.pair import MILLISECOND
from impasto.media.verify.report import Check, found_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container.core import Chapter
    from av.stream import Disposition

    from impasto.media.formats import Family
    from impasto.media.verify.inventory import Contents
    from impasto.media.verify.pair import Pair

HEARD = Fraction(1, 100_000)
"""Seconds by which sound may move against the pictures in an exact container."""

NAMES = {"audio": "sound", "subtitle": "subtitles", "cover": "cover", "attachment": "attachment"}


def check_streams(pair: Pair) -> Iterator[Check]:
    """Compare sound, subtitles, covers, attachments and data, track by track."""
    for kind, name in NAMES.items():
        kept = []
        for place, stream in enumerate(pair.before.of(kind), 1):
            if kind == "audio" or _carried(stream, pair.target.family):
                kept.append((f"{name} {place}", stream))
            else:
                yield _lost(f"{name} {place}", stream, pair.target.family)
        for pairing, after in zip_longest(kept, pair.after.of(kind)):
            if pairing is None:
                yield Check(item=name, ok=False, detail=f"new {codec(after.codec)} track")
            elif after is None:
                yield Check(item=pairing[0], ok=False, detail="the whole track is missing")
            else:
                item, stream = pairing
                yield from _track(pair, item, stream, after)
    yield from _data(pair)


def check_labels(item: str, before: Contents, after: Contents, family: Family) -> Iterator[Check]:
    """Compare the language, title and flags of a stream."""
    spoken, heard = same_language(before.tags.get("language")), after.tags.get("language")
    if language(spoken, family) is None:
        detail = f"{container(family)} has no code for {spoken}"
        yield Check(item=f"{item} language", ok=None, detail=detail, lost=True)
    else:
        yield _equal(f"{item} language", spoken, same_language(heard))
    title, found = (track_tags(each.tags, family).get("title") for each in (before, after))
    if title is not None or found is not None:
        yield _equal(f"{item} title", title, found)
    kept, lost = flags(before.flags, family)
    ok = kept & ~after.flags == 0 and after.flags & ~kept & ~implied(kept) == 0
    detail = found_for(_join_names(after.flags), _join_names(kept))
    yield Check(item=f"{item} flags", ok=ok, detail=detail)
    if lost:
        detail = f"{container(family)} cannot store {_join_names(lost)}"
        yield Check(item=f"{item} flags", ok=None, detail=detail, lost=True)


def _join_names(disposition: Disposition) -> str:
    return ", ".join(str(flag.name) for flag in disposition) or "none"


def check_chapters(pair: Pair) -> Iterator[Check]:
    """Compare the chapters' titles, where they start, and where they end.

    In MP4 and QuickTime a chapter ends where the next one starts, so only the last one's end tells.
    """
    before, after = pair.before.chapters, pair.after.chapters
    if not before and not after:
        return
    right = 0
    for place, (old, new) in enumerate(zip(before, after, strict=False), 1):
        unit = new["time_base"] or Fraction(1)
        old_start, old_end = _span(old, pair.shift)
        new_start, new_end = _span(new, Fraction(0))
        off = abs(new_start - old_start)
        if pair.target.family in {"mkv", "webm"} or place == len(before):
            off = max(off, abs(new_end - old_end))
        same_title = old["metadata"].get("title") == new["metadata"].get("title")
        right += same_title and off <= max(pair.slack, unit)
    ok = right == len(before) == len(after)
    yield Check(item="chapters", ok=ok, detail=f"{right} of {len(before)} unchanged")


def _span(chapter: Chapter, shift: Fraction) -> tuple[Fraction, Fraction]:
    unit = chapter["time_base"] or Fraction(1)
    start, end = (max(chapter[key] * unit - shift, Fraction(0)) for key in ("start", "end"))
    return start, end


def check_tags(pair: Pair) -> Iterator[Check]:
    """Compare the file's tags; those that describe a file's own bytes are skipped."""
    family = pair.target.family
    tags, demuxer = pair.before.tags, pair.before.pictures.facts.container
    keys = in_keys(tags, demuxer, family, cover=bool(pair.before.of("cover")))
    kept, lost = file_tags(tags, family, keys=keys)
    found = {name.lower(): value for name, value in pair.after.tags.items()}
    changed = [
        name
        for name, value in kept.items()
        if not same_tag(name, value, found.get(name.lower()), family)
    ]
    detail = f"changed: {', '.join(changed)}" if changed else f"all {len(kept)} unchanged"
    yield Check(item="tags", ok=not changed, detail=detail)
    holder = container(family)
    for name in lost:
        yield Check(item=f"tag {name}", ok=None, detail=f"{holder} cannot store it", lost=True)


def _carried(stream: Contents, family: Family) -> bool:
    if stream.kind == "attachment":
        return family == "mkv"
    if stream.kind == "cover":
        return family in COVERS
    return carries(family, stream.codec) or converts(family, stream.codec)


def _track(pair: Pair, item: str, before: Contents, after: Contents) -> Iterator[Check]:
    if before.kind == "audio" and was_encoded(before, after, pair.target.family):
        yield from check_encoded(pair, item, before, after)
        yield from check_labels(item, before, after, pair.target.family)
        return
    same = sum(a == b for a, b in zip(before.digests, after.digests, strict=False))
    total = len(before.digests)
    ok = same == total == len(after.digests)
    detail = f"{same} of {total} unchanged, {len(after.digests)} found"
    yield Check(item=f"{item} packets", ok=ok, detail=detail)
    if before.kind in {"audio", "subtitle"}:
        yield from check_format(item, before, after, pair.target.family)
        yield _offset(pair, item, before, after)
        if before.kind == "subtitle":
            yield _lasting(pair, item, before, after)
        yield from check_labels(item, before, after, pair.target.family)
    elif pair.target.family == "mkv":
        yield from _attached(item, before, after)


def _attached(item: str, before: Contents, after: Contents) -> Iterator[Check]:
    """Compare an attachment's name and type; a cover from another container is given new ones."""
    for tag in ("filename", "mimetype"):
        if tag in before.tags:
            yield _equal(f"{item} {tag}", before.tags[tag], after.tags.get(tag))


def _offset(pair: Pair, item: str, before: Contents, after: Contents) -> Check:
    """Check how far packets moved against the pictures, as precisely as both files tell time."""
    source_unit = min(before.unit, MILLISECOND)
    slack = max(pair.slack, HEARD, source_unit / 2, after.unit / 2)
    worst = max(
        (
            abs(new * after.unit - (old * before.unit - pair.shift))
            for old, new in zip(before.pts, after.pts, strict=False)
        ),
        default=Fraction(0),
    )
    detail = f"at most {float(worst) * 1000:.3f} ms out of step with the pictures"
    return Check(item=f"{item} offset", ok=worst <= slack, detail=detail)


def _lasting(pair: Pair, item: str, before: Contents, after: Contents) -> Check:
    """Compare how long each subtitle is shown."""
    slack = max(pair.slack, after.unit / 2)
    found = zip(before.lasting, after.lasting, strict=False)
    wrong = sum(abs(new * after.unit - old * before.unit) > slack for old, new in found)
    total = len(before.lasting)
    return Check(item=f"{item} durations", ok=not wrong, detail=f"{total - wrong} of {total} right")


def _data(pair: Pair) -> Iterator[Check]:
    """Compare streams of which only what muxers generate can be kept."""
    for stream in pair.before.streams:
        if stream.kind in NAMES or stream.kind == "chapters":
            continue
        if stream.kind == "time code" and stream.kind in REMADE[pair.target.family]:
            code = stream.tags.get("timecode")
            yield _equal("time code", code, pair.after.picture.tags.get("timecode"))
        else:
            yield _lost(stream.kind, stream, pair.target.family)


def _lost(item: str, stream: Contents, family: Family) -> Check:
    detail = f"{codec(stream.codec)}: {drop_reason(stream.kind, family)}"
    return Check(item=item, ok=None, detail=detail, lost=stream.kind != "video")


def _equal(item: str, wanted: str | None, found: str | None) -> Check:
    return Check(item=item, ok=wanted == found, detail=found_for(found or "none", wanted or "none"))
