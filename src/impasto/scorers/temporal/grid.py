"""Which frames of a video are keyframes: pure, so that planners and workers agree.

Keyframes here are those that are scored and carried along, not a codec's. They lie on a fixed grid
of the source's frames. What a frame looks like depends on those of its own interval alone, so
shards stay independent: a shard reads its first and last interval whole.
"""

from __future__ import annotations

EVERY = 12
"""Frames from one keyframe to the next."""
RECIPE = 1
"""Incremented when the same frames would look different; part of a job's id."""


def around(first: int, past: int, start: int, stop: int) -> tuple[int, int]:
    """Return how many frames a shard reads before and after its own.

    Args:
        first: the shard's first frame.
        past: one past its last.
        start: the first frame that the job takes.
        stop: one past the last.
    """
    low = max(start, first // EVERY * EVERY)
    high = min(stop - 1, -(-(past - 1) // EVERY) * EVERY)
    return first - low, high - (past - 1)


def inner(first: int, last: int) -> range:
    """Return the frames of the grid between two frames, neither included."""
    return range(first // EVERY * EVERY + EVERY, last, EVERY)


def borders(first: int, last: int) -> list[int]:
    """Return the keyframes from one frame to another, which are both keyframes."""
    return [first, *inner(first, last), *([last] if last > first else [])]
