"""Objects that a listing shows and for which no message came.

A queue that receives too few events, such as only those of small uploads, is the commonest fault of
such systems, and nobody notices it: the listing finds the objects all the same, only later.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PATIENCE = 120.0
"""Seconds within which a message should come."""
MOST = 10_000
"""Objects and messages that are remembered; of more, the oldest are forgotten."""


class Unannounced:
    """Compares what listings find with what messages name.

    Attributes:
        count: how many objects had no message.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begin; what is found first was there before, and needs no message.

        Args:
            now: a clock, in seconds.
        """
        self.count = 0
        self._now = now
        self._first = True
        self._named: OrderedDict[str, None] = OrderedDict()
        self._found: OrderedDict[str, float] = OrderedDict()

    def named(self, keys: Iterable[str]) -> None:
        """Note that messages named objects."""
        for key in keys:
            if self._found.pop(key, None) is None:
                self._named[key] = None
                if len(self._named) > MOST:
                    self._named.popitem(last=False)

    def found(self, key: str) -> None:
        """Note that a listing found an object that is new."""
        if self._first:
            return
        if key in self._named:
            del self._named[key]
            return
        self._found[key] = self._now()
        if len(self._found) > MOST:
            self._found.popitem(last=False)

    def overdue(self) -> int:
        """Return how many more objects have had no message for too long; ends the first pass."""
        self._first = False
        late = 0
        while self._found and next(iter(self._found.values())) < self._now() - PATIENCE:
            self._found.popitem(last=False)
            late += 1
        self.count += late
        return late
