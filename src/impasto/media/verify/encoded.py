"""Compare sound that was encoded: not its packets, but its format and when it is heard."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from impasto.media.join.sound import CODECS, RATE
from impasto.media.join.streams import carries
from impasto.media.names import codec, container
from impasto.media.verify.pair import MILLISECOND
from impasto.media.verify.report import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.formats import Family
    from impasto.media.verify.inventory import Contents
    from impasto.media.verify.pair import Pair


def was_encoded(before: Contents, after: Contents, family: Family) -> bool:
    """Return whether sound was encoded: it had to be, or is now in a codec that jobs encode in."""
    if not carries(family, before.codec):
        return True
    return (
        before.codec != after.codec
        and after.codec in CODECS
        and before.digests[:1] != after.digests[:1]
    )


def check_encoded(pair: Pair, item: str, before: Contents, after: Contents) -> Iterator[Check]:
    """Check that sound starts, goes on and ends as it did; its samples are not compared."""
    family = pair.target.family
    why = "" if carries(family, before.codec) else f"{container(family)} cannot carry it; "
    detail = f"{codec(before.codec)}: {why}it is encoded again as {codec(after.codec)}"
    yield Check(item=f"{item} packets", ok=None, detail=detail)
    if after.codec not in CODECS:
        yield Check(
            item=f"{item} format",
            ok=False,
            detail=f"{codec(after.codec)} is not what jobs encode",
        )
        return
    yield _format(item, before, after)
    if not before.pts or not after.pts:
        found = f"{len(after.pts)} packets of {len(before.pts)}"
        yield Check(item=f"{item} offset", ok=not before.pts and not after.pts, detail=found)
        return
    early = Fraction(CODECS[after.codec].priming, after.rate or RATE)
    first, last = (pts * before.unit - pair.shift for pts in (before.pts[0], before.pts[-1]))
    first += before.skipped[0]
    off = abs(after.pts[0] * after.unit + early - first)
    steps = [later - earlier for earlier, later in pairwise(after.pts)] or [0]
    usual = max(map(int, (b - a for a, b in pairwise(before.pts))), default=0) * before.unit
    end = abs(after.pts[-1] * after.unit - last)
    rounded = min(before.unit, MILLISECOND) / 2
    ok = (
        off <= pair.slack + after.unit + rounded
        and (max(steps) - min(steps)) * after.unit <= pair.slack + after.unit
        and end <= usual + max(steps) * after.unit + early
    )
    detail = f"starts within {float(off) * 1000:.3f} ms, ends within {float(end) * 1000:.0f} ms"
    yield Check(item=f"{item} offset", ok=ok, detail=detail)


def _format(item: str, before: Contents, after: Contents) -> Check:
    """Compare the speakers and the sampling rate, of which a codec may have only larger ones."""
    ok = after.channels >= before.channels and after.rate in {before.rate, RATE}
    detail = f"{after.layout} at {after.rate} Hz, from {before.layout} at {before.rate} Hz"
    return Check(item=f"{item} format", ok=ok, detail=detail)
