"""Compare how pictures are coded: the codec, their samples, transparency and data for HDR."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from impasto.media.codecs import Coded, choices, depth_of, is_clear
from impasto.media.names import codec as called
from impasto.media.verify.report import Check, found_for
from impasto.media.write.target import ENCODERS, bit_depth, changes, losses, sampling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.formats import Family
    from impasto.media.verify.pair import Pair
    from impasto.schema.job import PixelFormat, VideoCodec
    from impasto.schema.source import VideoFacts

_STEPS = 1
"""Steps by which AV1 rounds the colours and the darkest light of a display."""
_LIGHT = 40
"""Steps by which it rounds the brightest one."""


def encoding_of(facts: VideoFacts, family: Family) -> tuple[VideoCodec, PixelFormat | None]:
    """Return the codec and the samples of an output whose job is not known."""
    coded = next(
        (each for each, name in ENCODERS.items() if called(name) == called(facts.codec)), None
    )
    if coded is None:
        return "auto", None
    fitting = (each for each in choices(family, coded) if _alike(each, facts, coded))
    return coded, cast("PixelFormat | None", next(fitting, None))


def check_coding(
    pair: Pair, asked: tuple[VideoCodec, PixelFormat | None] | None
) -> Iterator[Check]:
    """Compare the picture stream with what it should be.

    Args:
        pair: the videos.
        asked: the codec and the samples that were asked for; None if that is not known.
    """
    before, after = pair.before.pictures.facts, pair.after.pictures.facts
    target = pair.target
    if asked:
        coded = next(each for each, name in ENCODERS.items() if name == target.codec)
        ok = called(after.codec) == called(target.codec)
        ok &= _alike(target.pixel_format, after, coded)
        wanted = f"{called(target.codec)}, {target.layout.depth} bits, {target.sampling}"
        found = f"{called(after.codec)}, {bit_depth(after.pixel_format)} bits, "
        found += sampling(after.pixel_format)
        yield Check(item="codec", ok=ok, detail=wanted if ok else found_for(found, wanted))
    if after.alpha and not target.alpha:
        detail = "the output is marked as transparent, but is not"
        yield Check(item="transparency", ok=False, detail=detail)
    elif before.alpha and target.alpha:
        detail = "kept" if after.alpha else "the output is not transparent"
        yield Check(item="transparency", ok=after.alpha, detail=detail)
    if target.mastering or target.light:
        ok = _graded_alike(pair)
        yield Check(item="HDR data", ok=ok, detail="kept" if ok else "missing or changed")
    lost = losses(before, target)
    requested = asked is not None and asked != ("auto", None)
    for change in changes(before, target):
        if change in lost and requested:
            detail = f"{change}, in the codec that was asked for"
            yield Check(item="picture format", ok=None, detail=detail)
        else:
            yield Check(item="picture format", ok=None, detail=change, lost=change in lost)


def _alike(pix_fmt: str, facts: VideoFacts, coded: Coded) -> bool:
    """Return whether a video has these samples; ProRes is decoded with more bits than it has."""
    deep = bit_depth(facts.pixel_format)
    same = deep == depth_of(pix_fmt) or (coded == "prores" and deep > 8)
    dense = sampling(facts.pixel_format)
    return same and dense == sampling(pix_fmt) and facts.alpha == is_clear(pix_fmt)


def _graded_alike(pair: Pair) -> bool:
    wanted, found = pair.target.mastering, pair.after.pictures.facts.mastering
    if pair.target.light != pair.after.pictures.facts.light or (wanted is None) != (found is None):
        return False
    if wanted is None or found is None:
        return True
    colours = zip(wanted.primaries, found.primaries, strict=True)
    return (
        all(abs(a - b) <= _STEPS for a, b in colours)
        and abs(wanted.darkest - found.darkest) <= _STEPS
        and abs(wanted.brightest - found.brightest) <= _LIGHT
    )
