"""Which frames of a video are keyframes: pure, so that planners and workers agree.

Keyframes here are those that are scored and carried along, not a codec's. They lie on a fixed grid
of the source's frames. What a frame looks like depends on those of its own interval alone, so
shards stay independent: a shard reads its first and last interval whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.schema.job import JobSpec

EVERY, SELDOM = 12, 24
"""Frames from one keyframe to the next, and where speed counts more than the last of flicker."""
RECIPE = 1
"""Incremented when the same frames would look different; part of a job's id."""


def step(spec: JobSpec) -> int:
    """Return the frames from one keyframe to the next in a job."""
    return SELDOM if spec.temporal_speed else EVERY


def around(first: int, past: int, start: int, stop: int, step: int) -> tuple[int, int]:
    """Return how many frames a shard reads before and after its own.

    Args:
        first: the shard's first frame.
        past: one past its last.
        start: the first frame that the job takes.
        stop: one past the last.
        step: frames from one keyframe to the next.
    """
    low = max(start, first // step * step)
    high = min(stop - 1, -(-(past - 1) // step) * step)
    return first - low, high - (past - 1)


def inner(first: int, last: int, step: int) -> range:
    """Return the frames of the grid between two frames, neither included."""
    return range(first // step * step + step, last, step)


def borders(first: int, last: int, step: int) -> list[int]:
    """Return the keyframes from one frame to another, which are both keyframes."""
    return [first, *inner(first, last, step), *([last] if last > first else [])]
