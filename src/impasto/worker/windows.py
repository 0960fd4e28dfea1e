"""Frames of a shard in intervals between two keyframes, which neighbours share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.media.frame import Frame
from impasto.scorers.temporal import grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.outcome import Attempt
    from impasto.sources.base import Item


@dataclass(frozen=True, slots=True)
class Window:
    """An interval.

    Attributes:
        frames: all of it, from one keyframe to the next, both included.
        own: the places in it of the frames that are to be made.
        alone: whether nothing else may be scored meanwhile, since it may end the worker.
    """

    frames: tuple[Frame, ...]
    own: tuple[int, ...]
    alone: bool = False


class Windows:
    """Iterates over a shard's intervals, in order."""

    def __init__(self, items: Iterator[Item], attempt: Attempt, step: int) -> None:
        """Bind a source's items to what earlier attempts have shown.

        Args:
            items: the frames of ``attempt.shard.wide``.
            attempt: the attempt at the shard.
            step: frames from one keyframe to the next.
        """
        self._items, self._shard, self._step = items, attempt.shard, step
        self._alone = bool(attempt.suspects)
        base = attempt.base
        self._wanted = {error.item for error in base.failed} if base else None

    def __iter__(self) -> Iterator[Window]:
        wide = self._shard.wide
        first, *ends = grid.borders(wide.start, wide.stop - 1, self._step)
        ends = ends or [first]
        held: list[Frame] = []
        for frame in self._items:
            # Readers of videos replace what they cannot read.
            assert isinstance(frame, Frame)
            held.append(frame)
            if frame.index == ends[0]:
                yield self._window(held, last=frame.index == ends[-1])
                ends, held = ends[1:], [frame]

    def close(self) -> None:
        """Close the source's iterator."""
        close = getattr(self._items, "close", None)
        if close:
            close()

    def _window(self, frames: list[Frame], *, last: bool) -> Window:
        # The next interval makes its own first frame.
        made = frames if last else frames[:-1]
        own = tuple(n for n, frame in enumerate(made) if self._is_own(frame.index))
        return Window(tuple(frames), own, self._alone)

    def _is_own(self, index: int) -> bool:
        if self._wanted is not None and index not in self._wanted:
            return False
        return self._shard.start <= index < self._shard.stop
