"""Put wrong timestamps right: each between its neighbours, and all others as they are.

Recorders reset their clocks, and tools write a time twice, too early, hours too late, or not at
all.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from statistics import median_low
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

AHEAD = 17
"""Places looked ahead, more than any codec holds back: a wrong time is over by then, a jump not."""

FEW = 2
"""The most times at the end of a file that are wrong rather than those of another clock."""


class Mended(NamedTuple):
    """Timestamps that ascend.

    Attributes:
        times: all of them, in ticks that are ``finer`` times finer than they were.
        finer: 1, unless several had to stand within a tick.
        moved: how many are new.
    """

    times: list[int]
    finer: int
    moved: int


def jumps(times: Sequence[int | None], step: int, longest: int | None = None) -> list[int]:
    """Return what to add to each timestamp so that a clock that was reset goes on instead.

    Args:
        times: timestamps in decoding order.
        step: the usual time from one to the next.
        longest: the longest time forward that is no jump; None if every one is real.
    """
    added: list[int] = []
    offset = 0
    last = min((t for t in times[:AHEAD] if t is not None), default=0)
    for place, time in enumerate(times):
        now = last if time is None else time + offset
        soon = times[place + 1] if place + 1 < len(times) else None
        usual = longest is None or now <= last + longest
        if now < last or not usual or (soon is not None and soon + offset < now):
            after = [t + offset for t in times[place : place + AHEAD] if t is not None]
            if _restarts(after, last, step) or (not usual and _leaves(after, last, longest or 0)):
                offset += last + step - now
                now = last + step
            elif now < last or not usual or _passes(after, last):
                now = last
        added.append(offset)
        last = now
    return added


def _restarts(after: list[int], last: int, step: int) -> bool:
    """Return whether a clock that runs back stays back."""
    far = last - max(after) > AHEAD * step
    return max(after) < last and (len(after) == AHEAD or (len(after) > FEW and far))


def _leaves(after: list[int], last: int, longest: int) -> bool:
    """Return whether a clock that runs hours ahead stays there."""
    return len(after) == AHEAD and min(after) > last + longest


def _passes(after: list[int], last: int) -> bool:
    """Return whether a time is far too late: one behind it comes before it."""
    return any(last < t < after[0] for t in after[1:])


def usual_step(times: Sequence[int | None]) -> int:
    """Return the median time from one timestamp to the next, at least 1."""
    known = [t for t in times if t is not None]
    return median_low([b - a for a, b in pairwise(known) if b > a] or [1])


def ascending(times: Sequence[int | None], step: int = 0) -> Mended | None:
    """Move as few timestamps as possible so that all ascend.

    Args:
        times: timestamps in the order in which frames are shown; None where one is missing.
        step: the usual time from one to the next; 0 is the median.

    Returns:
        All timestamps, or None where fewer than half of them could stay.
    """
    step = step or usual_step(times)
    kept = _kept(times, step)
    if not kept or 2 * len(kept) < len(times):
        return None
    known = [(place, time) for place in kept if (time := times[place]) is not None]
    gaps = list(pairwise(known))
    finer = max((-(-(b[0] - a[0]) // (b[1] - a[1])) for a, b in gaps), default=1)
    found = [0] * len(times)
    (first, begin), (last, end) = known[0], known[-1]
    lead = step
    if 0 <= begin < step * first:
        lead = begin // first  # not before 0, where the times seem to start
    for place in range(first):
        found[place] = begin * finer - (first - place) * (lead or step) * finer
    for (left, low), (right, high) in gaps:
        for place in range(left, right):
            found[place] = low * finer + (high - low) * finer * (place - left) // (right - left)
    for place in range(last, len(times)):
        found[place] = (end + (place - last) * step) * finer
    return Mended(found, finer, len(times) - len(kept))


def _kept(times: Sequence[int | None], step: int) -> list[int]:
    """Return the places of the longest ascending run; of equals, the one that steps evenly."""
    known = [(place, time) for place, time in enumerate(times) if time is not None]
    levels = _levels([time for _, time in known])
    depths = _levels([-time for _, time in reversed(known)])[::-1]
    longest = max(levels, default=0)
    ranked: list[list[tuple[int, int]]] = [[] for _ in range(longest)]
    for found, level, depth in zip(known, levels, depths, strict=True):
        if level + depth - 1 == longest:
            ranked[level - 1].append(found)
    kept: list[int] = []
    at: tuple[int, int] | None = None
    for found_here in ranked:
        fits = [f for f in found_here if at is None or (f[0] > at[0] and f[1] > at[1])]
        at = min(fits, key=lambda f: _unevenness(f, at, step))
        kept.append(at[0])
    return kept


def _unevenness(found: tuple[int, int], before: tuple[int, int] | None, step: int) -> int:
    if before is None:
        return found[0]
    return abs(found[1] - before[1] - (found[0] - before[0]) * step)


def _levels(times: Sequence[int]) -> list[int]:
    """Return, for each time, how long the longest ascending run is that ends there."""
    tails: list[int] = []
    levels = []
    for time in times:
        level = bisect_left(tails, time)
        tails[level : level + 1] = [time]
        levels.append(level + 1)
    return levels
