"""Whether an object is still being written.

No clock of a file system or a store is asked: what counts is how long this watcher has seen an
object unchanged.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from impasto.watch.temporary import is_draft_of, is_temporary

if TYPE_CHECKING:
    from impasto.watch.arrival import Arrival

    Key = TypeVar("Key")
    Value = TypeVar("Value")

EMPTY_FACTOR, EMPTY_SECONDS = 10, 60.0
"""How much longer an empty object waits, and at least how long: many programs make a file, or copy
a blob, by making an empty one first."""
MOST = 10_000
"""Renames that are remembered at once."""


@dataclass(slots=True)
class _Waiting:
    stamp: str
    until: float
    asked: int


class Settling:
    """Tells which objects have stayed unchanged for long enough.

    Only objects that are still waiting are remembered.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin.

        Args:
            seconds: for how long an object must not have changed.
            clock: returns seconds.
        """
        self._seconds, self._clock = seconds, clock
        self._waiting: dict[str, _Waiting] = {}
        self._round = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def settled(self, arrival: Arrival) -> bool:
        """Return whether an object as it was just found may be taken; it is then forgotten."""
        wait = self._seconds
        if not arrival.size:
            wait = max(wait * EMPTY_FACTOR, EMPTY_SECONDS)
        if arrival.renamed or not wait:
            self._waiting.pop(arrival.key, None)
            return True
        now, known = self._clock(), self._waiting.get(arrival.key)
        if known is None or known.stamp != arrival.stamp:
            self._waiting[arrival.key] = _Waiting(arrival.stamp, now + wait, self._round)
            return False
        known.asked = self._round
        if now < known.until:
            return False
        del self._waiting[arrival.key]
        return True

    def next(self) -> float | None:
        """Return the clock's time when the first object will have settled; None if none waits."""
        return min((each.until for each in self._waiting.values()), default=None)

    def due(self) -> list[str]:
        """Return the keys of the objects to look at again now."""
        now = self._clock()
        return [key for key, each in self._waiting.items() if each.until <= now]

    def forget(self, key: str) -> None:
        """Forget an object that is gone."""
        self._waiting.pop(key, None)

    def listed(self) -> None:
        """Note that everything was listed: forget what was not asked about since the last time."""
        gone = [key for key, each in self._waiting.items() if each.asked != self._round]
        for key in gone:
            del self._waiting[key]
        self._round += 1


class Renames:
    """Notices that a file got its final name only when it was whole. May be used by many threads.

    A file has the same number in its file system under both names. A number alone proves little,
    since it is given to a new file once the old one is removed: the file must also be as it was
    under its temporary name, or that name must be made of the final one.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._lock = threading.Lock()
        self._drafts: OrderedDict[int, tuple[str, int, int]] = OrderedDict()
        self._whole: OrderedDict[str, bool] = OrderedDict()

    def see(self, key: str, facts: os.stat_result) -> bool:
        """Return whether a file was renamed to this key since it was last asked about."""
        name, number = key.rpartition("/")[2], facts.st_ino
        with self._lock:
            if is_temporary(name):
                _note(self._drafts, number, (name, facts.st_mtime_ns, facts.st_size))
                return False
            known = self._whole.pop(key, False)
            draft = self._drafts.pop(number, None)
        if draft is None:
            return known
        same = draft[1:] == (facts.st_mtime_ns, facts.st_size)
        return known or same or is_draft_of(draft[0], name)

    def changed(self, added: Iterable[str], deleted: Iterable[str], written: Iterable[str]) -> None:
        """Note what happened in one moment.

        Args:
            added: keys that appeared.
            deleted: keys that went away.
            written: keys of files that were written to.
        """
        drafts: dict[str, list[str]] = {}
        for key in deleted:
            folder, _, name = key.rpartition("/")
            if is_temporary(name):
                drafts.setdefault(folder, []).append(name)
        if not drafts:
            return
        for key in set(added).difference(written):
            folder, _, name = key.rpartition("/")
            if not is_temporary(name) and any(is_draft_of(d, name) for d in drafts.get(folder, ())):
                with self._lock:
                    _note(self._whole, key, True)


def _note(known: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    """Remember something, and forget the oldest thing when that makes too many."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > MOST:
        known.popitem(last=False)
