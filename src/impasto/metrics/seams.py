"""Whether borders, of shards or of keyframes, are seen: the error there over that beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.metrics.report import Border, Seam

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

REACH = 4
"""How many frames on either side a border is compared with: motion changes with time."""


def seam(name: str, borders: Collection[int], errors: Mapping[int, float]) -> Seam | None:
    """Compare the error between the frames beside each border with that of the pairs around it.

    Args:
        name: what the borders are of.
        borders: the first frame after each.
        errors: of each frame and the one before it, by the later one's number. Scene cuts, and
            frames that were not measured, have none.

    Returns:
        The sum over the borders over the sum of what is around them; None where there is none
        that has an error on either side, or where nothing changes.
    """
    found, usual = [], errors.keys() - set(borders)
    for border in sorted(borders):
        # Frames on both sides alike: what grows with time is no seam.
        near = [
            (errors[border - away] + errors[border + away]) / 2
            for away in range(1, REACH + 1)
            if {border - away, border + away} <= usual
        ]
        if border in errors and near:
            found.append((border, errors[border], sum(near) / len(near)))
    around = sum(beside for _, _, beside in found)
    if not around:
        return None
    worst = max(found, key=lambda each: each[1] / each[2] if each[2] else each[1])
    return Seam(
        name=name,
        borders=len(found),
        score=sum(error for _, error, _ in found) / around,
        worst=Border(frame=worst[0], score=worst[1] / (worst[2] or around / len(found))),
    )
