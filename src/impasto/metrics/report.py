"""What was measured of an output."""

from __future__ import annotations

from pydantic import Field

from impasto.schema.base import Frozen

NAMES = {
    "dense_1": "warping error, 1 frame",
    "dense_10": "warping error, 10 frames",
    "tracked_1": "tracked error, 1 frame",
    "tracked_10": "tracked error, 10 frames",
    "band_1": "detail of 1 pixel",
    "band_2": "detail of 2 pixels",
    "band_4": "detail of 4 pixels",
    "band_8": "detail of 8 pixels",
    "grid": "grid's share of variance",
    "drift_1": "colour drift, 1 frame",
    "drift_10": "colour drift, 10 frames",
    "content": "content distance",
    "style": "style distance",
}
"""All that is measured, by the names in JSON, and for people."""


class Measure(Frozen):
    """One number of each video.

    Attributes:
        output: of the output.
        source: of the source; None where it has none.
        against: of the other output; None where there is none.
    """

    output: float
    source: float | None = None
    against: float | None = None


class Border(Frozen):
    """One border.

    Attributes:
        frame: the output's first frame after it, from 0.
        score: the error there over the error around it.
    """

    frame: int
    score: float


class Seam(Frozen):
    """How much borders stand out; 1 is not at all.

    Attributes:
        name: what the borders are of: ``shards``, or ``every 12``.
        borders: how many were measured.
        score: the error of all of them over the error around them.
        worst: the one that stands out most.
    """

    name: str
    borders: int
    score: float
    worst: Border


class Curves(Frozen):
    """Numbers over time, for frames that were compared with an earlier one, or begin a scene.

    Attributes:
        frames: the output's frames, from 0.
        seconds: when they are shown, from the output's first one on.
        values: by the measure's name, then by ``source``, ``output`` and ``against``, one number
            per frame; None where a frame has none.
    """

    frames: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()
    values: dict[str, dict[str, tuple[float | None, ...]]] = Field(default_factory=dict)


class Report(Frozen):
    """What was measured.

    Attributes:
        source: what the source is called.
        output: what the output is called.
        against: what the other output is called, or "".
        width: of the output's pictures, upright, in pixels.
        height: the same.
        frames: how many frames the output has.
        measured: the half-open ranges of them that were measured.
        cuts: frames that begin a new scene, among these.
        measures: by name, as in ``NAMES``.
        seams: of each kind of border.
        notes: what could not be measured, and what it takes, one line each.
        over_time: the numbers of single frames.
    """

    source: str
    output: str
    against: str = ""
    width: int
    height: int
    frames: int
    measured: tuple[tuple[int, int], ...]
    cuts: tuple[int, ...]
    measures: dict[str, Measure]
    seams: tuple[Seam, ...] = ()
    notes: tuple[str, ...] = ()
    over_time: Curves = Curves()
