"""Where a reader is in a job's log, so that it goes on exactly there, in any process.

A log is a set of objects that are never changed. Stores tell their times in whole seconds, and
their clocks differ, so an object may appear later than others that are younger. A place names all
objects of the last seconds that were read; older ones count as read.
"""

from __future__ import annotations

import base64
import binascii
import math
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.jobs.listing import Listing

SLACK = 10
"""Seconds by which an object may be older than one that was seen before it."""
_NONCE = slice(-14, -6)
"""The digits in an object's key that no other object of the log shares."""
_LONGEST = 1 << 16


class LogObject(NamedTuple):
    """An object of a log.

    Attributes:
        time: when it was written, by the store's clock, in seconds since 1970.
        key: its key within the job.
        size: bytes.
    """

    time: float
    key: str
    size: int

    @property
    def nonce(self) -> str:
        """Eight hexadecimal digits that no other object of the log shares."""
        return self.key[_NONCE]


@dataclass(frozen=True, slots=True)
class Place:
    """What a reader has read.

    Attributes:
        since: objects before this time count as read; seconds since 1970.
        nonces: those of later ones that were read.
    """

    since: int = 0
    nonces: frozenset[str] = frozenset()

    def has(self, each: LogObject) -> bool:
        """Return whether an object was read."""
        return each.time < self.since or each.nonce in self.nonces

    def __str__(self) -> str:
        data = b"".join(bytes.fromhex(nonce) for nonce in sorted(self.nonces))
        return f"{self.since}.{base64.urlsafe_b64encode(data).decode().rstrip('=')}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """Return the place that a text is, or None if it is none."""
        since, dot, nonces = text.partition(".")
        if not dot or not since.isascii() or not since.isdigit() or len(text) > _LONGEST:
            return None
        try:
            whole = nonces + "=" * (-len(nonces) % 4)
            data = base64.b64decode(whole, altchars=b"-_", validate=True).hex()
        except (binascii.Error, ValueError):
            return None
        found = frozenset(data[n : n + 8] for n in range(0, len(data), 8))
        return cls(int(since[:12]), found)


@dataclass(slots=True)
class LogObjects:
    """The objects of a log, in the order in which they were seen: within a look, by time.

    Attributes:
        found: the objects.
    """

    found: list[LogObject] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)
    _by_time: list[tuple[float, int]] = field(default_factory=list)

    def add(self, listing: Listing) -> int:
        """Add what a listing of the job has more; returns how many objects that is."""
        new = [
            LogObject(listing.times[key], key, listing.sizes[key])
            for key in listing.logs
            if key not in self._known
        ]
        for each in sorted(new):
            insort(self._by_time, (each.time, len(self.found)))
            self.found.append(each)
            self._known.add(each.key)
        return len(new)

    def unread(self, place: Place) -> list[int]:
        """Return the numbers of the objects that a reader has not read, in order."""
        start = bisect_left(self._by_time, (place.since, -1))
        late = (number for _, number in self._by_time[start:])
        return sorted(number for number in late if not place.has(self.found[number]))

    def after(self, count: int) -> Place:
        """Return the place of a reader who has read the first ``count`` objects."""
        last = next((each for each in reversed(self._by_time) if each[1] < count), None)
        if last is None:
            return Place()
        since = max(0, math.floor(last[0]) - SLACK)
        start = bisect_left(self._by_time, (since, -1))
        late = (number for _, number in self._by_time[start:])
        return Place(since, frozenset(self.found[n].nonce for n in late if n < count))

    def with_read(self, place: Place, numbers: Iterable[int]) -> Place:
        """Return the place of a reader who was at a place and has read more objects since."""
        more = [self.found[number] for number in numbers]
        since = max(place.since, *(math.floor(each.time) - SLACK for each in more), 0)
        start = bisect_left(self._by_time, (since, -1))
        late = (self.found[number] for _, number in self._by_time[start:])
        read = {each.nonce for each in more}
        kept = {each.nonce for each in late if place.has(each) or each.nonce in read}
        return Place(since, frozenset(kept))
