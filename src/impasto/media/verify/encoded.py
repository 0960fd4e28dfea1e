"""Compare sound that was encoded again: not its packets, but when it is heard."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from impasto.media.join.sound import CODECS, RATE
from impasto.media.verify.report import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.verify.inventory import Contents
    from impasto.media.verify.pair import Pair


def check_encoded(pair: Pair, item: str, before: Contents, after: Contents) -> Iterator[Check]:
    """Check that sound starts, goes on and ends as it did; its samples are not compared."""
    family = pair.target.family
    detail = f"{before.codec}: {family} cannot carry it; it is encoded again as {after.codec}"
    yield Check(item=f"{item} packets", ok=None, detail=detail)
    if not before.pts or not after.pts:
        found = f"{len(after.pts)} packets of {len(before.pts)}"
        yield Check(item=f"{item} offset", ok=not before.pts and not after.pts, detail=found)
        return
    sample = Fraction(1, RATE) if pair.slack else after.unit
    early = CODECS[family].priming * sample
    first, last = (pts * before.unit - pair.shift for pts in (before.pts[0], before.pts[-1]))
    off = abs(after.pts[0] * after.unit + early - first)
    steps = [later - earlier for earlier, later in pairwise(after.pts)] or [0]
    usual = max(map(int, (b - a for a, b in pairwise(before.pts))), default=0) * before.unit
    end = abs(after.pts[-1] * after.unit - last)
    ok = (
        off <= pair.slack + after.unit
        and (max(steps) - min(steps)) * after.unit <= pair.slack + after.unit
        and end <= usual + max(steps) * after.unit + early
    )
    detail = f"starts within {float(off) * 1000:.3f} ms, ends within {float(end) * 1000:.0f} ms"
    yield Check(item=f"{item} offset", ok=ok, detail=detail)
