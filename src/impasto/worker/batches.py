"""Items of a shard, as a source yields them, grouped into mini-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from impasto.media.frame import Frame
from impasto.schema.outcome import ItemError
from impasto.sources.item import Blob, Rows
from impasto.worker.repeats import same_picture

if TYPE_CHECKING:
    from impasto.schema.outcome import Attempt


@dataclass(frozen=True, slots=True)
class MiniBatch:
    """Items to be scored together.

    Attributes:
        items: frames of one layout, files, or one run of rows.
        indices: their places in the source.
        alone: whether nothing else may be scored meanwhile, since it may end the worker.
        repeats: for each frame, those right after it that are the same picture, without their
            planes; they are not scored. Empty where nobody has looked.
    """

    items: list[Frame] | list[Blob] | Rows
    indices: tuple[int, ...]
    alone: bool = False
    repeats: tuple[tuple[Frame, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class SetAside:
    """An item that is not scored; its reader, or an earlier attempt, says why.

    Attributes:
        error: the reason.
        item: what was read, or None when nothing could be.
    """

    error: ItemError
    item: Frame | Blob | Rows | None = None


class Batches:
    """Iterates over a shard's mini-batches, in order."""

    def __init__(
        self,
        items: Iterator[Frame | Blob | Rows | ItemError],
        attempt: Attempt,
        size: Callable[[MiniBatch], int],
        *,
        pure: bool = False,
    ) -> None:
        """Bind a source's items to what earlier attempts have shown.

        Args:
            items: what the source yields.
            attempt: the attempt at the shard.
            size: how large a mini-batch should be, given one of a single item.
            pure: whether a frame that equals the one before has its result.
        """
        self._items = items
        self._size = size
        self._suspects = frozenset(attempt.suspects)
        self._aside = {error.item: error for error in attempt.aside}
        base = attempt.base
        self._wanted = {error.item for error in base.failed} if base else None
        self._pure = pure
        self._held: list[Any] = []
        self._repeats: list[list[Frame]] = []

    def __iter__(self) -> Iterator[MiniBatch | SetAside]:
        for item in self._items:
            if isinstance(item, Rows):
                yield from self._rows(item)
            else:
                yield from self._one(item)
        yield from self._flush()

    def close(self) -> None:
        """Close the source's iterator."""
        close = getattr(self._items, "close", None)
        if close:
            close()

    def _one(self, item: Frame | Blob | ItemError) -> Iterator[MiniBatch | SetAside]:
        index = item.item if isinstance(item, ItemError) else item.index
        if self._wanted is not None and index not in self._wanted:
            _drop(item)
        elif isinstance(item, ItemError):
            yield from self._flush()
            yield SetAside(item)
        elif index in self._aside:
            yield from self._flush()
            yield SetAside(self._aside[index], item)
        elif index in self._suspects:
            yield from self._flush()
            yield _batch([item], alone=True)
        elif self._pure and isinstance(item, Frame) and self._held:
            if same_picture(self._held[-1], item):
                self._repeats[-1].append(replace(item, planes=()))
                return
            # A mini-batch waits until the next picture: what repeats its last one belongs to it.
            if self._full or _layout(self._held[0]) != _layout(item):
                yield from self._flush()
            self._hold(item)
        else:
            if self._held and _layout(self._held[0]) != _layout(item):
                yield from self._flush()
            self._hold(item)
            if self._full and not (self._pure and isinstance(item, Frame)):
                yield from self._flush()

    @property
    def _full(self) -> bool:
        return len(self._held) >= self._size(_batch([self._held[0]]))

    def _hold(self, item: Frame | Blob) -> None:
        self._held.append(item)
        self._repeats.append([])

    def _rows(self, rows: Rows) -> Iterator[MiniBatch | SetAside]:
        at, count = 0, len(rows.frame)
        while at < count:
            index = rows.start + at
            single = self._special(index)
            stop = at + 1
            if not single:
                most = min(count, at + self._size(_batch(_slice(rows, at, at + 1))))
                while stop < most and not self._special(rows.start + stop):
                    stop += 1
            piece = _slice(rows, at, stop)
            if index in self._aside:
                yield SetAside(self._aside[index], piece)
            elif self._wanted is None or index in self._wanted:
                yield _batch(piece, alone=index in self._suspects)
            at = stop

    def _special(self, index: int) -> bool:
        """Return whether a row must be alone in its mini-batch."""
        if self._wanted is not None:
            return True
        return index in self._aside or index in self._suspects

    def _flush(self) -> Iterator[MiniBatch]:
        if self._held:
            some = any(self._repeats)
            repeats = tuple(map(tuple, self._repeats)) if some else ()
            yield replace(_batch(self._held), repeats=repeats)
            self._held, self._repeats = [], []


def _batch(items: Any, *, alone: bool = False) -> MiniBatch:
    if isinstance(items, Rows):
        indices = tuple(range(items.start, items.start + len(items.frame)))
    else:
        indices = tuple(item.index for item in items)
    return MiniBatch(items, indices, alone)


def _slice(rows: Rows, start: int, stop: int) -> Rows:
    return Rows(rows.start + start, rows.frame.iloc[start:stop].reset_index(drop=True))


def _layout(item: Frame | Blob) -> object:
    return item.layout if isinstance(item, Frame) else None


def _drop(item: Frame | Blob | ItemError) -> None:
    if isinstance(item, Blob) and item.fetched:
        item.path.unlink(missing_ok=True)
