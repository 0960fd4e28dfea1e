"""Consecutive frames of a video in several styles and settings, as jobs would make them.

Flicker shows in motion only, and depends on how a scorer builds on the frames before. So these
frames are scored by jobs, which leave nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from impasto.driver.api import run
from impasto.engines.warm import WarmWorkers
from impasto.errors import BadInput, Incomplete
from impasto.media.compare.pane import orientation
from impasto.media.small import small_rgb
from impasto.media.write.moving import moving
from impasto.schema.base import change
from impasto.schema.moments import clock
from impasto.schema.words import counted
from impasto.storage.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

    from impasto.driver.sampling import Sampled, Telling
    from impasto.schema.job import JobSpec
    from impasto.schema.progress import Progress
    from impasto.schema.source import VideoFacts
    from impasto.settings import Settings

SIDE = 960
"""Longer side of what is shown, in pixels."""
LONGEST = 10
"""Seconds that are shown, at most."""
MOST = 3000
"""Frames that are scored, at most, of all rows together."""


@dataclass(frozen=True, slots=True)
class Span:
    """The frames that are shown in motion.

    Attributes:
        first: the first of them.
        past: one past the last.
        name: what people call them.
    """

    first: int
    past: int
    name: str

    @property
    def count(self) -> int:
        """How many there are."""
        return self.past - self.first

    @classmethod
    def of(cls, sampled: Sampled, telling: Telling, seconds: Fraction, rows: int) -> Self:
        """Return the frames of a length of time.

        Args:
            sampled: the source.
            telling: what is shown of it.
            seconds: how much of it, where it is long enough.
            rows: how many sets of parameters they are scored with.

        Raises:
            BadInput: the source is not a video, or these are too many frames for so many rows.
        """
        first, past = sampled.during(telling.shot, telling.main.index, seconds)
        count = past - first
        if rows * count > MOST:
            raise BadInput(
                f"`motion`: {count:,} frames in {rows:,} rows are {rows * count:,} to score, and"
                f" {MOST:,} is the most",
                "name a shorter time, or fewer styles and settings",
            )
        return cls(first, past, f"in motion from {clock(sampled.moment(first))}")


@dataclass(frozen=True, slots=True)
class Motion:
    """Some frames in motion, as MP4 with H.264.

    Attributes:
        name: which part of the video it is, for people.
        source: the video as it was; b"" if none of its frames can be read.
        rows: the results, one for each set of parameters, or why there is none.
    """

    name: str
    source: bytes
    rows: tuple[bytes | str, ...]


def move(
    specs: Sequence[JobSpec],
    settings: Settings,
    sampled: Sampled,
    span: Span,
    told: Callable[[int], None],
) -> Motion:
    """Score consecutive frames with each of several specs.

    Args:
        specs: specs that differ in their parameters only, of a scorer that makes pictures.
        settings: the device, and how many workers there are.
        sampled: the source.
        span: the frames.
        told: called with how many frames are scored.

    Raises:
        BadInput: a spec or one of its files is wrong.
        Unavailable: a store or the device does not answer.
    """
    rows: list[bytes | str] = []
    with scratch() as folder, WarmWorkers() as warm:
        own = settings.model_copy(
            update={"home": str(folder / "home"), "engine": "local", "previews": False}
        )

        def on_progress(progress: Progress) -> None:
            told(len(rows) * span.count + progress.done)

        for n, spec in enumerate(specs):
            target = folder / f"row{n}"
            fields = _range(sampled, span) | {"output": f"{target}/", "frames": "png"}
            try:
                run(
                    change(spec, fields, "leave `motion` out"),
                    settings=own,
                    on_progress=on_progress,
                    warm=warm,
                )
            except Incomplete:
                failed = span.count - len([*target.glob("*.png")])
                rows.append(f"{failed:,} of {counted(span.count, 'frames')} failed")
            else:
                rows.append(_encoded(sampled, _scored(target, sampled, span)))
    return Motion(span.name, _encoded(sampled, _source(sampled, span)), tuple(rows))


def _range(sampled: Sampled, span: Span) -> dict[str, Fraction]:
    """Return the fields of a spec that take the frames; its own end holds to the last one."""
    start = {"start": sampled.moment(span.first)}
    return start | ({"end": sampled.moment(span.past)} if span.past < sampled.stop else {})


def _since(sampled: Sampled, span: Span, frame: int) -> Fraction:
    return sampled.moment(frame) - sampled.moment(span.first)


def _scored(
    folder: Path, sampled: Sampled, span: Span
) -> Iterator[tuple[Fraction, NDArray[np.uint8]]]:
    """Yield the pictures of a folder, which are as many as the frames."""
    for index, path in enumerate(sorted(folder.glob("*.png")), span.first):
        with Image.open(path) as picture:
            yield _since(sampled, span, index), np.asarray(picture.convert("RGB"))


def _source(sampled: Sampled, span: Span) -> Iterator[tuple[Fraction, NDArray[np.uint8]]]:
    """Yield the frames, upright, as a job's pictures are."""
    turns, mirrored = orientation(_facts(sampled))
    for frame in sampled.frames(span.first, span.past):
        rgb = small_rgb(frame, SIDE)
        upright = np.rot90(rgb[:, ::-1] if mirrored else rgb, turns)
        yield _since(sampled, span, frame.index), np.ascontiguousarray(upright)


def _encoded(sampled: Sampled, pictures: Iterator[tuple[Fraction, NDArray[np.uint8]]]) -> bytes:
    facts = _facts(sampled)
    quarter = orientation(facts)[0] % 2
    aspect = 1 / facts.sample_aspect if quarter else facts.sample_aspect
    return moving(pictures, facts.rate, SIDE, aspect)


def _facts(sampled: Sampled) -> VideoFacts:
    assert sampled.plan.facts
    return sampled.plan.facts
