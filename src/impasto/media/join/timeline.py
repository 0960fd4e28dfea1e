"""The place of the output's time 0 on the source's clocks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

from impasto.media.join.tags import Window
from impasto.media.read.settle import FREE_CLOCKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from impasto.schema.source import VideoFacts

MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The place of the output's time 0.

    Attributes:
        pictures: seconds to subtract from the pictures' times, whole ticks of theirs.
        others: seconds to subtract from the times of all else.
        unit: seconds per tick of the pictures' clock.
        window: the range of the others' time that is kept, or None for all.
    """

    pictures: Fraction
    others: Fraction
    unit: Fraction
    window: Window | None = None

    def not_before(self, time: Fraction) -> Timeline:
        """Return it moved back to a second of the others' clock, if that is earlier."""
        by = -_whole(-max(self.others - time, Fraction(0)), self.unit)
        return Timeline(self.pictures - by, self.others - by, self.unit, self.window)


def start_of(
    facts: VideoFacts,
    pts: Sequence[int],
    clip: tuple[int, int] | None = None,
    given: tuple[InputContainer, VideoStream] | None = None,
) -> Timeline:
    """Decide where the output's time 0 is.

    It is where the source's is, with three exceptions: a range starts at its own start, pictures at
    negative times, which MP4 would hide, move everything to later times, and a clock with an
    arbitrary start starts at 0.

    Args:
        facts: the source's picture stream.
        pts: the timestamps of all frames, ascending, in ``facts.time_base``.
        clip: half-open range of time that was taken, in ``facts.time_base``; None for all.
        given: the source and its picture stream, None where there is no source.
    """
    # Frames that were counted start at 0, wherever the pictures start on the others' clock.
    lead = _start(given[1]) if given and facts.sequential else Fraction(0)
    first = pts[0] * facts.time_base
    if clip is not None:
        start, end = (time * facts.time_base for time in clip)
        return Timeline(start, start + lead, facts.time_base, Window(start + lead, end + lead))
    if facts.container in FREE_CLOCKS or facts.sequential:
        sounds = given[0].streams.audio if given else ()
        moved = min([first, *(_start(sound) - lead for sound in sounds)])
    else:
        moved = min(first, Fraction(0))
    moved = _whole(moved, facts.time_base)
    return Timeline(moved, moved + lead, facts.time_base)


def _whole(time: Fraction, unit: Fraction) -> Fraction:
    """Return the last whole tick up to a time, so that pictures can move exactly as all else does.

    Finer ticks are not worth it: Matroska rounds to more.
    """
    return floor(time / unit) * unit if unit > MILLISECOND else time


def _start(stream: Stream) -> Fraction:
    return (stream.start_time or 0) * (stream.time_base or Fraction(0))
