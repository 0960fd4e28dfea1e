"""From what was measured of single frames to a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.metrics.report import NAMES, Curves, Measure, Report
from impasto.metrics.seams import seam

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from impasto.metrics.footage import Footage
    from impasto.metrics.measure import Found

VIDEOS = ("source", "output", "against")
DRAWN = ("dense_1", "dense_10", "tracked_1", "tracked_10", "drift_1", "drift_10")
"""What is told over time."""
DIGITS = 5
"""Digits that count of numbers over time."""


def report(
    footage: Footage,
    found: Found,
    runs: Sequence[range],
    borders: Mapping[str, Collection[int]],
    notes: Sequence[str] = (),
) -> Report:
    """Sum up.

    Args:
        footage: the videos.
        found: what was measured of single frames.
        runs: the frames that were measured.
        borders: by what they are of, the output's frames that are the first after one.
        notes: what could not be measured.
    """
    errors = {frame: values[1] for frame, values in found.numbers.get("dense_1", {}).items()}
    seams = [seam(name, each, errors) for name, each in borders.items()]
    names = [video.given.name for video in footage.videos]
    return Report(
        source=names[0],
        output=names[1],
        against=names[2] if len(names) > 2 else "",
        width=footage.layout.width,
        height=footage.layout.height,
        frames=footage.count,
        measured=tuple((run.start, run.stop) for run in runs),
        cuts=tuple(found.cuts),
        measures=_measures(found),
        seams=tuple(each for each in seams if each),
        notes=tuple(notes),
        over_time=_curves(found, footage.seconds),
    )


def _measures(found: Found) -> dict[str, Measure]:
    """Average over the frames, in the order of ``NAMES``."""
    made = {}
    for name in NAMES:
        values = [*found.numbers.get(name, {}).values()]
        if values:
            means = [sum(each) / len(values) for each in zip(*values, strict=True)]
            named = dict(zip(VIDEOS, means, strict=False))
            # A source is its own measure of these.
            own = name.startswith("drift") or name == "content"
            made[name] = Measure(**named | ({"source": None} if own else {}))
    return made


def _curves(found: Found, seconds: Sequence[float]) -> Curves:
    drawn = {name: found.numbers[name] for name in DRAWN if name in found.numbers}
    frames = sorted({*found.cuts, *(frame for each in drawn.values() for frame in each)})
    values = {}
    for name, each in drawn.items():
        count = max(map(len, each.values()))
        values[name] = {
            VIDEOS[place]: tuple(
                float(f"{each[frame][place]:.{DIGITS}g}") if frame in each else None
                for frame in frames
            )
            for place in range(count)
        }
    return Curves(
        frames=tuple(frames), seconds=tuple(seconds[frame] for frame in frames), values=values
    )
