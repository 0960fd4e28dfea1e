"""Pure planning: a source's facts in, shards out. Nothing here opens anything."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

SNAP = 0.25


def cut_points(frames: int, size: int, keys: Sequence[int], least: int = 1) -> list[int]:
    """Cut a run of frames into even shards, with borders on keyframes where possible.

    A border that falls inside a group of pictures makes the next worker decode that group from
    its keyframe again, so a border moves to the nearest keyframe within a quarter of a shard.

    Args:
        frames: how many there are.
        size: frames per shard, approximately.
        keys: the frames that are keyframes, ascending.
        least: minimum frames of a shard, if even shards have as many.

    Returns:
        The borders, from 0 to ``frames``, ascending, without repeats.
    """
    count = -(-frames // size)
    borders = {0, frames}
    reach = int(size * SNAP)
    if least > 1:
        # Two neighbours may move towards each other.
        reach = min(reach, max(0, frames // count - least) // 2)
    for n in range(1, count):
        even = round(n * frames / count)
        borders.add(_snap(even, keys, reach))
    return sorted(borders)


def _snap(border: int, keys: Sequence[int], reach: int) -> int:
    at = bisect_left(keys, border)
    near = [key for key in keys[max(0, at - 1) : at + 1] if abs(key - border) <= reach]
    return min(near, key=lambda key: abs(key - border), default=border)
