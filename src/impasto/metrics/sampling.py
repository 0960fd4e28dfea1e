"""Which frames of a long video are measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

RUN = 24
"""Frames in a row: enough for pairs that are 10 apart, and for what is around a border."""
PIXELS = 40_000_000
"""What is measured of a video by default, in pixels: about a minute's work for a core or two."""


def most_by_default(width: int, height: int) -> int:
    """Return how many frames are measured of a video whose pictures have this size."""
    return max(2 * RUN, PIXELS // (width * height))


def runs(count: int, most: int, borders: Collection[int] = ()) -> tuple[range, ...]:
    """Choose runs of frames to measure.

    Args:
        count: how many frames there are.
        most: how many may be measured, about.
        borders: frames that are of more interest than others.

    Returns:
        All frames, if they are few. Else runs of 24 that are spread evenly over the video, or over
        the borders, with a border in the middle of each. Runs that meet become one.
    """
    if count <= max(most, RUN):
        return (range(count),)
    wanted = max(1, most // RUN)
    if borders:
        known = sorted(borders)
        middles = [known[place] for place in _spread(len(known), min(wanted, len(known)))]
    else:
        middles = [RUN // 2 + place for place in _spread(count - RUN + 1, wanted)]
    found: list[range] = []
    for middle in middles:
        start = min(max(0, middle - RUN // 2), count - RUN)
        if found and start <= found[-1].stop:
            found[-1] = range(found[-1].start, max(found[-1].stop, start + RUN))
        else:
            found.append(range(start, start + RUN))
    return tuple(found)


def some(runs: Sequence[range], most: int) -> frozenset[int]:
    """Choose single frames, spread evenly over all that are measured."""
    frames = [frame for run in runs for frame in run]
    return frozenset(frames[place] for place in _spread(len(frames), min(most, len(frames))))


def _spread(count: int, wanted: int) -> list[int]:
    """Return ``wanted`` numbers below ``count``, from the first to the last; one is the middle."""
    if wanted == 1:
        return [count // 2]
    return [round(place * (count - 1) / (wanted - 1)) for place in range(wanted)]
