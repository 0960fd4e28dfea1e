"""Scoring of a mini-batch on the device, whatever its items are.

A mini-batch that fails is halved until each failing item is alone; these are set aside, and the
others keep their scores. torch is not imported, since rows and files do not need it: its errors are
known by their names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from impasto import secrecy
from impasto.errors import BadInput
from impasto.schema.outcome import ItemError
from impasto.scorers.base import DeviceLost
from impasto.scorers.user.loading import brief

if TYPE_CHECKING:
    from impasto.outputs.base import Scored

T = TypeVar("T")


class Scoring(Protocol):
    """Scores mini-batches of one kind of items."""

    def __call__(self, items: Any, size: Callable[[int], None]) -> list[Scored]:
        """Score a mini-batch.

        Args:
            items: the mini-batch, as the reader of these items makes them.
            size: called with a smaller mini-batch size when this one did not fit in memory.

        Returns:
            One result per item, in order; that of an item set aside carries its error.

        Raises:
            BadInput: the scorer cannot score such items at all.
            MemoryError: a single item does not fit; another worker may have room.
            RuntimeError: the device is broken; another process may have a working one.
        """
        ...

    def size_of(self, item: Any) -> tuple[int, int] | None:
        """Return the width and height that a picture has after scoring; None if it fails."""
        ...

    def keep(self, item: Any, error: ItemError) -> Scored:
        """Return the replacement for an item that is set aside without being scored."""
        ...


def divide(
    score: Callable[[int, int], T], start: int, stop: int, shrink: Callable[[int], None]
) -> Iterator[tuple[int, int, T | Exception]]:
    """Score a range of a mini-batch's items, halving what fails.

    Args:
        score: scores the items of a half-open range.
        start: first item.
        stop: one past the last.
        shrink: called with half the size of what did not fit in memory.

    Yields:
        Ranges in order, each with its scores, or, for a single item, the error.

    Raises:
        BadInput, MemoryError, RuntimeError: as `Scoring`.
    """
    try:
        yield start, stop, score(start, stop)
    except BadInput:
        raise
    except Exception as error:
        if device_lost(error):
            raise
        alone = stop - start == 1
        if out_of_memory(error):
            if alone:
                raise MemoryError("a single item does not fit in memory") from error
            shrink((stop - start) // 2)
        elif alone:
            yield start, stop, error
        if alone:
            return
    else:
        return
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()
    half = (start + stop) // 2
    yield from divide(score, start, half, shrink)
    yield from divide(score, half, stop, shrink)


def item_error(item: int, error: Exception) -> ItemError:
    """Describe why an item is set aside, with the end of the scorer's own traceback."""
    return ItemError(item=item, error=brief(error), traceback=secrecy.explain(error))


def out_of_memory(error: Exception) -> bool:
    """Return whether an error is the machine's lack of memory, which is no one item's fault."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def device_lost(error: Exception) -> bool:
    """Return whether an error means that the device is broken, for this process at least."""
    return isinstance(error, DeviceLost) or type(error).__name__ == "AcceleratorError"
