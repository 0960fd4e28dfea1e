"""Settle when each picture of a video with wrong timestamps is shown."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from impasto.media.read.mend import ascending, jumps, usual_step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

MAX_REORDER = 16
"""The most frames that any codec here may hold back."""

FREE_CLOCKS = {"mpegts", "mpeg"}
"""Demuxers whose files start at an arbitrary time, which carries no meaning."""

FAR = 250
"""Usual steps between two timestamps over which pictures are seldom decoded out of order."""

HOURS = 3600
"""Seconds by which such a clock is set forward, and not just without pictures."""


class Picture(NamedTuple):
    """A packet of a picture.

    Attributes:
        position: its place in the file, counted in picture packets.
        pts: when it is shown, in the stream's unit; None where the file does not say.
        dts: when it is decoded.
        key: whether a decoder can start here.
        discard: whether it is decoded but not shown.
        start: where its bytes begin in the file; negative where the container does not say.
        size: how many there are.
        duration: how long it is shown, as the container says.
    """

    position: int
    pts: int | None
    dts: int | None
    key: bool
    discard: bool
    start: int
    size: int
    duration: int


class Settled(NamedTuple):
    """Pictures with timestamps that can be trusted.

    Attributes:
        pictures: all of them, in the file's order.
        finer: how many times finer their unit is than the stream's.
        jumps: what was added to the clock from each place on where it was reset, in that unit.
        notes: what was put right, one line each.
    """

    pictures: list[Picture]
    finer: int = 1
    jumps: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def moved(self, given: Sequence[Picture]) -> dict[int, int | None]:
        """Return the timestamps that differ from those in the file, by position."""
        pairs = zip(self.pictures, given, strict=True)
        return {new.position: new.pts for new, old in pairs if new.pts != old.pts}


def longest_gap(container: str, unit: Fraction) -> int | None:
    """Return the longest time without pictures that is not a jump of the clock; None if any is."""
    return round(HOURS / unit) if container in FREE_CLOCKS else None


def doubt(pictures: Sequence[Picture], longest: int | None) -> str:
    """Return why the timestamps do not tell which frame is shown when, or "" when they do."""
    if any(p.pts is None for p in pictures):
        return "some pictures have no timestamps"
    dts = [p.dts for p in pictures if p.dts is not None]
    if any(later < earlier for earlier, later in pairwise(dts)):
        return "the timestamps run backwards"
    if longest is not None and any(b - a > longest for a, b in pairwise(dts)):
        return "the timestamps jump by hours"
    times = [p.pts for p in pictures if p.pts is not None and not p.discard]
    if len(set(times)) < len(times):
        return "several pictures share a timestamp"
    return "some timestamps are far from their neighbours'" if _strays(times) else ""


def _strays(times: Sequence[int]) -> bool:
    """Return whether a timestamp lies where no order of decoding would have put its picture."""
    ranks = sorted(range(len(times)), key=times.__getitem__)
    if any(abs(place - rank) > MAX_REORDER for rank, place in enumerate(ranks)):
        return True
    far = FAR * usual_step(times)
    steps = zip(pairwise(ranks), accumulate(ranks, max), strict=False)
    return any(
        times[later] - times[place] > far and reached > rank
        for rank, ((place, later), reached) in enumerate(steps)
    )


def continued(pictures: Sequence[Picture], longest: int | None) -> Settled:
    """Let the clock go on where it was reset, back or hours ahead."""
    times = [p.pts if p.dts is None else p.dts for p in pictures]
    added = jumps(times, usual_step(times), longest)
    found = tuple(dict.fromkeys(by for by in added if by))
    notes = (f"jumps of the clock, removed so that the video has no gap: {len(found)}",)
    later = [
        p._replace(pts=_plus(p.pts, by), dts=_plus(p.dts, by))
        for p, by in zip(pictures, added, strict=True)
    ]
    return Settled(later, jumps=found, notes=notes if found else ())


def in_order(pictures: Sequence[Picture]) -> bool:
    """Return whether the file says that frames are shown in the order in which they are decoded."""
    both = [(p.pts, p.dts) for p in pictures if p.pts is not None and p.dts is not None]
    return 2 * len(both) > len(pictures) and all(pts == dts for pts, dts in both)


def mended(given: Settled, order: Sequence[int]) -> Settled | None:
    """Move each wrong timestamp between its neighbours.

    Args:
        given: the pictures.
        order: the positions of those that are shown, in that order.

    Returns:
        None where too few timestamps are right.
    """
    times = [given.pictures[position].pts for position in order]
    found = ascending(times)
    if found and 8 * found.moved > len(times):
        # A container that knows no order but that of its packets gives the times in this one.
        known = sorted(time for time in times if time is not None)
        found = ascending(known) if len(known) == len(times) else found
    if found is None:
        return None
    shown = dict(zip(order, found.times, strict=True))
    later = [
        p._replace(
            pts=shown.get(p.position),
            dts=None if p.dts is None else p.dts * found.finer,
            duration=p.duration * found.finer,
        )
        for p in given.pictures
    ]
    note = f"wrong timestamps, moved between their neighbours: {found.moved}"
    return Settled(
        later,
        found.finer,
        tuple(by * found.finer for by in given.jumps),
        (*given.notes, *([note] if found.moved else [])),
    )


def _plus(time: int | None, by: int) -> int | None:
    return None if time is None else time + by
