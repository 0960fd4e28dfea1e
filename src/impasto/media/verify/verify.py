"""Check, item by item, whether an output still holds all that its source held.

Both files are read afresh, so the answer does not depend on the code that wrote the output.
"""

from __future__ import annotations

from fractions import Fraction
from math import atan2, degrees
from typing import TYPE_CHECKING

from impasto.media.colour_names import named
from impasto.media.formats import family_of
from impasto.media.verify import inventory
from impasto.media.verify.coding import check_coding, encoding_of
from impasto.media.verify.compare import check_chapters, check_labels, check_streams, check_tags
from impasto.media.verify.pair import MILLISECOND, Pair
from impasto.media.verify.report import Check, Report, found_for
from impasto.media.write.segment import frame_ticks
from impasto.media.write.sink import clock, rescale
from impasto.media.write.target import target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.read.container import Source
    from impasto.media.verify.inventory import Inventory, Part
    from impasto.schema.job import PixelFormat, VideoCodec
    from impasto.schema.source import Colour


def verify(
    source: Source,
    output: Source,
    name: str,
    output_name: str,
    stream: int | None = None,
    part: Part | None = None,
    size: tuple[int, int] | None = None,
    asked: tuple[VideoCodec, PixelFormat | None] | None = None,
) -> Report:
    """Compare an output with its source.

    Times must be exact in MP4 and MOV; Matroska and WebM round to the millisecond and may move
    all streams by one common offset.

    Args:
        source: a local video, or a binary file object that can seek.
        output: a video like it, made from all of ``source``, or from a part.
        name: what messages call the source.
        output_name: what they call the output; its suffix names the container.
        stream: index of the source's picture stream; None chooses it.
        part: the part of the source that was to be taken; None is all.
        size: width and height that were asked for, in pixels; None if that is not known.
        asked: the codec and the samples that were asked for; None if that is not known.

    Raises:
        BadInput: one of them cannot be read, or the output's suffix is of no known container.
    """
    family = family_of(output_name)
    before = inventory.take(source, name, stream, part)
    after = inventory.take(output, output_name)
    facts = before.pictures.facts
    exact = family in {"mp4", "mov"}
    codec, samples = asked or encoding_of(after.pictures.facts, family)
    wanted = target(facts, f".{family}", *(size or (facts.width, facts.height)), codec, samples)
    shift = before.origin.others if exact else _first(before) - _first(after)
    pair = Pair(before, after, wanted, shift, Fraction(0) if exact else MILLISECOND)
    checks = [
        *_pictures(pair, size),
        *check_coding(pair, asked),
        *check_streams(pair),
        *check_chapters(pair),
        *check_tags(pair),
    ]
    return Report(checks=tuple(checks), family=family)


def _first(video: Inventory) -> Fraction:
    """Return the second of the first picture on the clock of the other streams."""
    lead = video.origin.others - video.origin.pictures
    return video.pictures.pts[0] * video.pictures.facts.time_base + lead


def _pictures(pair: Pair, size: tuple[int, int] | None) -> Iterator[Check]:
    yield _frames(pair)
    yield _timestamps(pair)
    yield _last(pair)
    yield _size(pair, known=size is not None)
    yield _rotation(pair)
    yield _aspect(pair)
    yield _colour(pair)
    yield from check_labels("picture", pair.before.picture, pair.after.picture, pair.target.family)


def _frames(pair: Pair) -> Check:
    before, after = len(pair.before.pictures), len(pair.after.pictures)
    return Check(item="frames", ok=before == after, detail=f"{after} of {before}")


def _timestamps(pair: Pair) -> Check:
    """Compare every frame's own time; an exact container keeps it to the tick."""
    before, after = pair.before.pictures, pair.after.pictures
    unit = clock(before.facts.time_base)
    lead = pair.before.origin.others - pair.before.origin.pictures
    moved = round((pair.shift - lead) / unit) * unit if not pair.slack else pair.shift - lead
    wrong, worst = 0, Fraction(0)
    for old, new in zip(before.pts, after.pts, strict=False):
        wanted = rescale(old, before.facts.time_base, unit) * unit - moved
        off = abs(new * after.facts.time_base - wanted)
        wrong += off > pair.slack
        worst = max(worst, off)
    right, total = min(len(before), len(after)) - wrong, max(len(before), len(after))
    detail = f"{right} of {total} right; the worst is off by {float(worst) * 1000:.3f} ms"
    return Check(item="timestamps", ok=not wrong and len(before) == len(after), detail=detail)


def _last(pair: Pair) -> Check:
    """Compare how long the last frame is shown; no other one's time tells."""
    before, after = pair.before.pictures.facts, pair.after.pictures.facts
    nominal = frame_ticks(pair.target) * clock(before.time_base)
    wanted = before.last_duration * before.time_base or nominal
    found = after.last_duration * after.time_base
    rounded = max(pair.slack, after.time_base / 2)
    detail = f"shown for {found_for(f'{float(found):.3f} s', f'{float(wanted):.3f} s')}"
    return Check(item="last frame", ok=abs(found - wanted) <= rounded, detail=detail)


def _size(pair: Pair, *, known: bool) -> Check:
    """Compare the size with what was asked for, padded, if that is known; or with the source's."""
    before, after = pair.before.pictures.facts, pair.after.pictures.facts
    size = f"{after.width}x{after.height}"
    if known:
        wanted = (pair.target.coded_width, pair.target.coded_height)
        ok = (after.width, after.height) == wanted
        detail = found_for(size, f"{wanted[0]}x{wanted[1]}")
        return Check(item="picture size", ok=ok, detail=detail)
    if (before.width, before.height) == (after.width, after.height):
        return Check(item="picture size", ok=True, detail=size)
    detail = f"{size}, the source has {before.width}x{before.height}"
    return Check(item="picture size", ok=None, detail=detail)


def _rotation(pair: Pair) -> Check:
    """Compare the rotation of the display matrix; the position is up to the player."""
    before = _turn(pair.before.pictures.facts.display_matrix)
    after = _turn(pair.after.pictures.facts.display_matrix)
    detail = found_for(_degrees(after), _degrees(before))
    return Check(item="rotation", ok=before == after, detail=detail)


def _turn(matrix: tuple[int, ...] | None) -> tuple[int, ...]:
    return (65536, 0, 0, 65536) if matrix is None else (*matrix[0:2], *matrix[3:5])


def _degrees(turn: tuple[int, ...]) -> str:
    mirrored = turn[0] * turn[3] - turn[1] * turn[2] < 0
    angle = round(degrees(atan2(turn[1], turn[0]))) % 360
    return f"{angle} degrees" + (", mirrored" if mirrored else "")


def _aspect(pair: Pair) -> Check:
    """Compare the shape of pixels; Matroska rounds the display size to whole pixels."""
    before = pair.target.sample_aspect
    facts = pair.after.pictures.facts
    allowed = before / min(facts.width, facts.height) if pair.slack else Fraction(0)
    ok = abs(facts.sample_aspect - before) <= allowed
    return Check(item="sample aspect", ok=ok, detail=found_for(facts.sample_aspect, before))


def _colour(pair: Pair) -> Check:
    wanted, found = pair.target.colour, pair.after.pictures.facts.colour
    ok = _ranged(found) == _ranged(wanted)
    return Check(item="colour", ok=ok, detail=found_for(named(found), named(wanted)))


def _ranged(colour: Colour) -> Colour:
    """Read an untagged range as the limited one: encoders do not always distinguish the two."""
    return colour.model_copy(update={"full_range": bool(colour.full_range)})
